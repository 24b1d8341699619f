// Steps a core that CXXRTL has turned into C++, and moves bytes through its host link.

#include "cxxrtl_state.h"

#include DESIGN

#include <cstddef>
#include <cstdint>

using Design = cxxrtl_design::p_top;

// One evaluation is enough unless the design has feedback, and then CXXRTL's own way is taken.
static void step(Design *design) {
    bool converged = design->eval();
    cxxrtl_design::Unobserved unobserved;
    design->commit(unobserved);
    if (!converged)
        design->step();
}

extern "C" {

Design *core_create() { return new Design; }
void core_destroy(Design *design) { delete design; }

#ifdef FLASH
// Writes into the flash chip that stands beside the core.
void core_burn(Design *design, uint32_t address, const uint8_t *data, size_t size) {
    for (size_t done = 0; done <= size; done++) {
        bool more = done < size;
        design->p_load__en.set<bool>(more);
        design->p_load__address.set<uint32_t>(address + done);
        design->p_load__data.set<uint8_t>(more ? data[done] : 0);
        design->p_clk.set<bool>(false);
        step(design);
        if (more) {
            design->p_clk.set<bool>(true);
            step(design);
        }
    }
}
#endif

// Runs until `sent` bytes of `in` are taken and `wanted` bytes have come to `out`, or until `limit`
// cycles have passed. Returns the cycles; `*in_done` and `*out_done` tell how far it came.
uint64_t core_run(Design *design, const uint8_t *in, size_t sent, size_t *in_done, uint8_t *out,
                  size_t wanted, size_t *out_done, uint64_t limit) {
    size_t taken = 0, come = 0;
    uint64_t cycles = 0;
    while ((taken < sent || come < wanted) && cycles < limit) {
        // Inputs settle with the clock low; where none changed nothing has to.
        bool valid = taken < sent, ready = come < wanted;
        if (design->p_i____valid.get<bool>() != valid || design->p_o____ready.get<bool>() != ready || valid) {
            design->p_i____valid.set<bool>(valid);
            design->p_i____payload.set<uint8_t>(valid ? in[taken] : 0);
            design->p_o____ready.set<bool>(ready);
            design->p_clk.set<bool>(false);
            step(design);
        }
        if (valid && design->p_i____ready.get<bool>())
            taken++;
        if (ready && design->p_o____valid.get<bool>())
            out[come++] = design->p_o____payload.get<uint8_t>();
        design->prev_p_clk.set<bool>(false);
        design->p_clk.set<bool>(true);
        step(design);
        cycles++;
    }
    *in_done = taken;
    *out_done = come;
    return cycles;
}
}
