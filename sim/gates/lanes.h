// Sixty-four power-ups at once: bit k of a word is what a net carries in lane k.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

typedef uint64_t W;
typedef uint8_t u8;
typedef uint64_t u64;

static const W ALL = ~(W)0;

// xorshift64*: what a chip leaves undefined, another value in every lane.
static u64 random_state = 1;
static inline W undefined() {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

static inline bool same(W w) { return w + 1 < 2; } // in all lanes
static inline W choose(W which, W one, W zero) { return zero ^ (which & (one ^ zero)); }

static inline bool all_same(const W *bits, int count) {
    for (int i = 0; i < count; i++)
        if (!same(bits[i]))
            return false;
    return true;
}

static inline unsigned number(const W *bits, int count, int lane) {
    unsigned value = 0;
    for (int i = 0; i < count; i++)
        value |= (unsigned)(bits[i] >> lane & 1) << i;
    return value;
}

// Calls `use(address, lanes)` for each address, once where all lanes have the same one.
template <class Use> static inline void each_address(const W *bits, int count, W lanes, Use use) {
    if (all_same(bits, count)) {
        use(number(bits, count, 0), lanes);
        return;
    }
    for (int lane = 0; lane < 64; lane++)
        if (lanes >> lane & 1)
            use(number(bits, count, lane), (W)1 << lane);
}

// A pad: what the chip drives, and what is on the line.
struct Pad {
    W out = 0, second = 0, enable = 0, line = ALL;
};
