// Steps a core whose RTL has become C++, and moves bytes through its host link.

#include "core.h"

extern "C" {

State *core_create() { return new State; }
void core_destroy(State *core) { delete core; }

#ifdef FLASH
// Writes into the flash chip that stands beside the core.
void core_burn(State *core, u32 address, const u8 *data, size_t size) {
    core->load_en = 1;
    for (size_t done = 0; done < size; done++) {
        core->load_address = address + done;
        core->load_data = data[done];
        cycle(core);
    }
    core->load_en = 0;
}
#endif

// Runs until `sent` bytes of `in` are taken and `wanted` bytes have come to `out`, or until `limit`
// cycles have passed. Returns the cycles; `*in_done` and `*out_done` tell how far it came.
u64 core_run(State *core, const u8 *in, size_t sent, size_t *in_done, u8 *out, size_t wanted,
             size_t *out_done, u64 limit) {
    size_t taken = 0, come = 0;
    u64 cycles = 0;
    while ((taken < sent || come < wanted) && cycles < limit) {
        core->i__valid = taken < sent;
        core->i__payload = core->i__valid ? in[taken] : 0;
        core->o__ready = come < wanted;
        cycle(core);
        taken += core->i__valid & core->i__ready;
        if (core->o__ready & core->o__valid)
            out[come++] = core->o__payload;
        cycles++;
    }
    *in_done = taken;
    *out_done = come;
    return cycles;
}
}
