// Steps a core whose RTL has become C++, and moves bytes through its host link.

#include "core.h"

// Bits of a byte of the state that keep a value whatever is written there, as those of a faulty chip.
struct Stuck {
    u64 at;
    u8 mask, value;
};

struct Core : State {
    Stuck stuck[64];
    size_t count = 0;
};

static inline void step(Core *core) {
    cycle(core);
    for (size_t i = 0; i < core->count; i++) {
        u8 &byte = ((u8 *)static_cast<State *>(core))[core->stuck[i].at];
        byte = (byte & ~core->stuck[i].mask) | core->stuck[i].value;
    }
}

extern "C" {

Core *core_create() { return new Core; }
void core_destroy(Core *core) { delete core; }

// What is where in the state, one row after the other until one that has no name.
const Place *core_place(size_t index) { return &places[index]; }

u8 core_peek(const Core *core, u64 at) { return ((const u8 *)static_cast<const State *>(core))[at]; }

// From now on these bits of a byte have these values. Returns whether there is room for more.
int core_stick(Core *core, u64 at, u8 mask, u8 value) {
    if (core->count == sizeof core->stuck / sizeof *core->stuck)
        return 0;
    core->stuck[core->count++] = Stuck{at, mask, (u8)(value & mask)};
    core->awake = ~(u64)0; // what reads them is evaluated once more
    return 1;
}

void core_unstick(Core *core) { core->count = 0; }

#ifdef FLASH
// Writes into the flash chip that stands beside the core.
void core_burn(Core *core, u32 address, const u8 *data, size_t size) {
    core->load_en = 1;
    for (size_t done = 0; done < size; done++) {
        core->load_address = address + done;
        core->load_data = data[done];
        step(core);
    }
    core->load_en = 0;
}
#endif

// Runs until `sent` bytes of `in` are taken and `wanted` bytes have come to `out`, or until `limit`
// cycles have passed. Returns the cycles; `*in_done` and `*out_done` tell how far it came.
u64 core_run(Core *core, const u8 *in, size_t sent, size_t *in_done, u8 *out, size_t wanted,
             size_t *out_done, u64 limit) {
    size_t taken = 0, come = 0;
    u64 cycles = 0;
    while ((taken < sent || come < wanted) && cycles < limit) {
        core->i__valid = taken < sent;
        core->i__payload = core->i__valid ? in[taken] : 0;
        core->o__ready = come < wanted;
        step(core);
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
