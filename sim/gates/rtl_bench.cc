// A serial line to a core in compiled RTL.

#include "bench.h"
#include "core.h"

struct RtlChip {
    State *state = new State;

    RtlChip(u64) { state->rx = 1; }
    ~RtlChip() { delete state; }

    W step(bool rx) {
        state->rx = rx;
        cycle(state);
        return state->tx ? ALL : 0;
    }

    // RTL has no lock and no reset: what a lost lock resets begins anew, but for the flash.
    void lock(int locked) {
        if (!locked) {
            State *fresh = new State;
#ifdef FLASH
            for (size_t k = 0; k < contents.size(); k++)
                load(fresh, first + k, contents[k]);
#endif
            delete state;
            state = fresh;
            state->rx = 1;
        }
    }

    void burn(unsigned address, const u8 *data, size_t count) {
#ifdef FLASH
        first = address;
        contents.assign(data, data + count);
        lock(0);
#endif
    }

    u64 differences() const { return 0; }

#ifdef FLASH
    unsigned first = 0;
    std::vector<u8> contents;

    static void load(State *state, unsigned address, u8 byte) {
        state->rx = 1;
        state->load_en = 1;
        state->load_address = address;
        state->load_data = byte;
        cycle(state);
        state->load_en = 0;
    }
#endif
};

BENCH(RtlChip)
