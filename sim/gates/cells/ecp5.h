// Memories and multipliers of the ECP5 in 64 lanes.
#include "lanes.h"

// DP16KD (FPGA-TN-02204): 16 Kbit, or 18 with the bytes' ninth bits, and two ports, each with a
// register of its own behind what was read. Both ports have one width here. What a port reads in a
// cycle in which it writes is undefined, but for mode READBEFOREWRITE; a byte that it reads while the
// other one writes it is undefined in any mode.
struct BlockRam {
    static const int BITS = 18;
    W memory[16384 * 9 / 8];
    W read[2][BITS], out[2][BITS];
    int width = 9, shift = 3;
    bool before[2] = {};

    void start(int bits, bool a_before, bool b_before) {
        width = bits, before[0] = a_before, before[1] = b_before;
        shift = bits == 18 ? 4 : bits == 9 ? 3 : bits == 4 ? 2 : bits == 2 ? 1 : 0;
        for (W &w : memory)
            w = undefined();
        for (int port = 0; port < 2; port++)
            for (int b = 0; b < BITS; b++)
                read[port][b] = undefined(), out[port][b] = undefined();
    }

    // A port's pins: `address` has 14 of them, of which the lowest say which bytes are written.
    struct Port {
        W enable, writes, passes; // CE with all CS, WE, OCE
        const W *address, *data;
    };

    void edge(W gate, const Port &a, const Port &b) {
        const Port *ports[2] = {&a, &b};
        int bits = 14 - shift;
        for (int p = 0; p < 2; p++)
            for (int k = 0; k < width; k++)
                out[p][k] = choose(gate & ports[p]->passes, read[p][k], out[p][k]);
        for (int p = 0; p < 2; p++)
            if (W reads = gate & ports[p]->enable)
                each_address(ports[p]->address + shift, bits, reads, [&](unsigned at, W lanes) {
                    for (int k = 0; k < width; k++)
                        read[p][k] = choose(lanes, memory[at * width + k], read[p][k]);
                });
        for (int p = 0; p < 2; p++)
            if (W writes = gate & ports[p]->enable & ports[p]->writes)
                write(*ports[p], *ports[1 - p], p, writes, gate & ports[1 - p]->enable);
    }

  private:
    W written(const Port &port, int k) const { return width == BITS ? port.address[k / 9] : ALL; }

    void write(const Port &port, const Port &other, int p, W writes, W other_reads) {
        int bits = 14 - shift;
        W hit = writes & other_reads;
        for (int k = shift; k < 14; k++)
            hit &= ~(port.address[k] ^ other.address[k]);
        for (int k = 0; k < width; k++) {
            if (!before[p])
                read[p][k] = choose(writes, undefined(), read[p][k]);
            if (W lanes = hit & written(port, k))
                read[1 - p][k] = choose(lanes, undefined(), read[1 - p][k]);
        }
        each_address(port.address + shift, bits, writes, [&](unsigned at, W lanes) {
            for (int k = 0; k < width; k++) {
                W some = lanes & written(port, k);
                W &word = memory[at * width + k];
                word = choose(some, port.data[k], word);
            }
        });
    }
};

// MULT18X18D (FPGA-TN-02205), signed, with all its registers on one clock and one enable.
struct Multiplier {
    W a[18], b[18], middle[36], product[36];

    void start() {
        for (int k = 0; k < 18; k++)
            a[k] = undefined(), b[k] = undefined();
        for (int k = 0; k < 36; k++)
            middle[k] = undefined(), product[k] = undefined();
    }

    void edge(W enable, const W *next_a, const W *next_b) {
        if (!enable)
            return;
        W result[36] = {};
        bool one = all_same(a, 18) && all_same(b, 18);
        for (int lane = 0; lane < (one ? 1 : 64); lane++) {
            u64 value = (u64)(extended(number(a, 18, lane)) * extended(number(b, 18, lane)));
            for (int k = 0; k < 36; k++)
                result[k] |= value >> k & 1 ? (one ? ALL : (W)1 << lane) : 0;
        }
        for (int k = 0; k < 36; k++) {
            product[k] = choose(enable, middle[k], product[k]);
            middle[k] = choose(enable, result[k], middle[k]);
        }
        for (int k = 0; k < 18; k++) {
            a[k] = choose(enable, next_a[k], a[k]);
            b[k] = choose(enable, next_b[k], b[k]);
        }
    }

  private:
    static int64_t extended(unsigned value) { return (int64_t)((u64)value << 46) >> 46; }
};

// TRELLIS_DPR16X4: 16 words of 4 bits of distributed RAM, read without a clock.
struct LutRam {
    W memory[16][4];

    void start(const u64 *contents) {
        for (int a = 0; a < 16; a++)
            for (int b = 0; b < 4; b++)
                memory[a][b] = !contents ? undefined() : *contents >> (4 * a + b) & 1 ? ALL : 0;
    }

    void read(const W *address, W *data) const {
        if (all_same(address, 4)) {
            memcpy(data, memory[number(address, 4, 0)], sizeof memory[0]);
            return;
        }
        memset(data, 0, sizeof memory[0]);
        for (int a = 0; a < 16; a++) {
            W lanes = here(address, a);
            for (int b = 0; b < 4; b++)
                data[b] |= lanes & memory[a][b];
        }
    }

    void edge(W writes, const W *address, const W *data) {
        if (writes)
            each_address(address, 4, writes, [&](unsigned a, W lanes) {
                for (int b = 0; b < 4; b++)
                    memory[a][b] = choose(lanes, data[b], memory[a][b]);
            });
    }

  private:
    static W here(const W *address, int a) {
        W lanes = ALL;
        for (int k = 0; k < 4; k++)
            lanes &= a >> k & 1 ? address[k] : ~address[k];
        return lanes;
    }
};
