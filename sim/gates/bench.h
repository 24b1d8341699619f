// A serial line to a chip, and the functions by which Python drives it. The same for RTL and for a
// netlist, so that both get each edge in the same cycle.
//
// A `Chip` has `W step(bool rx)`, which takes one cycle of the core's clock and returns the line that
// the chip drives in it, in every lane.
#pragma once
#include "lanes.h"
#include <deque>
#include <vector>

static const int EIGHTHS = 8; // of a cycle, in which the length of a bit is given

// What a host sends: 8 bits, no parity, one stop bit, one byte directly after the other.
struct Sender {
    int bit = 8 * EIGHTHS, elapsed = 0, frame = 0;
    bool busy = false;
    const u8 *next = nullptr, *end = nullptr;

    bool done() const { return !busy && next == end; }

    bool level() {
        if (!busy) {
            if (next == end)
                return true;
            frame = *next++ << 1 | 1 << 9;
            busy = true;
        }
        bool high = frame >> elapsed / bit & 1;
        elapsed += EIGHTHS;
        if (elapsed >= 10 * bit) {
            elapsed = next == end ? 0 : elapsed - 10 * bit;
            busy = false;
        }
        return high;
    }
};

struct Heard {
    u64 cycle; // in which its first edge came
    W differing; // lanes in which it is another byte than in lane 0
    u8 byte;
};

// What a host hears: a bit in its middle, in all lanes at once.
struct Listener {
    int bit = 8 * EIGHTHS, until = 0, count = 0;
    bool busy = false;
    u64 began = 0;
    u8 byte = 0;
    W differing = 0;

    bool hear(W line, u64 cycle, std::deque<Heard> &heard) {
        if (!busy) {
            if (line == ALL)
                return false;
            busy = true, count = 0, byte = 0, differing = 0, began = cycle;
            until = bit / 2;
        }
        if ((until -= EIGHTHS) >= 0)
            return false;
        until += bit;
        W first = line & 1 ? ALL : 0;
        differing |= line ^ first;
        if (count == 0) // the start bit
            differing |= line;
        else if (count <= 8)
            byte |= (line & 1) << (count - 1);
        else {
            differing |= ~line; // no stop bit
            heard.push_back(Heard{began, differing, byte});
            busy = false;
        }
        count++;
        return !busy;
    }
};

template <class Chip> struct Bench : Chip {
    using Chip::Chip;
    Sender sender;
    Listener listener;
    std::deque<Heard> heard;
    u64 cycle = 0;

    void step() {
        listener.hear(Chip::step(sender.level()), cycle++, heard);
    }

    void run(const u8 *data, size_t count, size_t wanted, u64 limit) {
        sender.next = data, sender.end = data + count;
        for (u64 k = 0; k < limit && !(sender.done() && heard.size() >= wanted); k++)
            step();
        sender.next = sender.end = nullptr;
    }
};

#define BENCH(Chip)                                                                                \
    extern "C" {                                                                                   \
    Bench<Chip> *bench_create(u64 seed) { return new Bench<Chip>(seed); }                          \
    void bench_destroy(Bench<Chip> *bench) { delete bench; }                                       \
    void bench_bit(Bench<Chip> *bench, int eighths) {                                              \
        bench->sender.bit = bench->listener.bit = eighths;                                         \
    }                                                                                              \
    u64 bench_cycle(const Bench<Chip> *bench) { return bench->cycle; }                             \
    /* Sends bytes, and goes on until so many have come that were not taken, or for so long. */    \
    size_t bench_run(Bench<Chip> *bench, const u8 *data, size_t count, size_t wanted, u64 limit) { \
        bench->run(data, count, wanted, limit);                                                    \
        return bench->heard.size();                                                                \
    }                                                                                              \
    void bench_take(Bench<Chip> *bench, Heard *out) {                                              \
        *out = bench->heard.front();                                                               \
        bench->heard.pop_front();                                                                  \
    }                                                                                              \
    void bench_burn(Bench<Chip> *bench, unsigned address, const u8 *data, size_t count) {          \
        bench->burn(address, data, count);                                                         \
    }                                                                                              \
    void bench_lock(Bench<Chip> *bench, int locked) { bench->lock(locked); }                       \
    u64 bench_differences(const Bench<Chip> *bench) { return bench->differences(); }               \
    }
