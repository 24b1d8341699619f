// Memories and multipliers of the iCE40 in 64 lanes.
#include "lanes.h"

// SB_RAM40_4K (FPGA-TN-02002 "Memory Usage Guide for iCE40 Devices"): 4096 bits, a port that reads
// and one that writes, each 16, 8, 4 or 2 bits wide. Bit k of a narrow word is one of 16 / width
// neighbours, and the address bits from 8 on say which. What is read where it is being written is
// undefined.
struct Ram40 {
    W memory[256][16];
    W read_data[16];
    unsigned narrow = 0; // address bits above 8 of the read that is given out
    W above[3] = {};
    int read_mode = 0, write_mode = 0;

    void start(int reads, int writes, const u64 *contents) {
        read_mode = reads, write_mode = writes;
        for (int a = 0; a < 256; a++)
            for (int b = 0; b < 16; b++)
                memory[a][b] = !contents ? undefined() : contents[a] >> b & 1 ? ALL : 0;
        for (W &w : read_data)
            w = undefined();
        for (W &w : above)
            w = undefined();
    }

    // Where the bit of a narrow word comes in RDATA and WDATA.
    static int pin(int mode, int group) {
        static const int first[4] = {0, 0, 1, 3};
        return group * (1 << mode) + first[mode];
    }

    void edge(W reads, const W *ra, W writes, const W *wa, const W *data, const W *mask) {
        W next[16];
        memcpy(next, read_data, sizeof next);
        if (reads) {
            each_address(ra, 8, reads, [&](unsigned a, W lanes) {
                for (int b = 0; b < 16; b++)
                    next[b] = choose(lanes, memory[a][b], next[b]);
            });
            for (int b = 0; b < 3; b++)
                above[b] = choose(reads, ra[8 + b], above[b]);
        }
        if (writes) {
            W hit = reads & writes;
            for (int b = 0; b < 8; b++)
                hit &= ~(ra[b] ^ wa[b]);
            int step = 1 << write_mode;
            for (int b = 0; b < 16; b++) {
                W lanes = writes;
                W value = data[write_mode ? pin(write_mode, b / step) : b];
                if (write_mode == 0)
                    lanes &= ~mask[b];
                for (int k = 0; k < write_mode; k++)
                    lanes &= (b % step) >> k & 1 ? wa[8 + k] : ~wa[8 + k];
                if (!lanes)
                    continue;
                if (hit & lanes)
                    next[b] = choose(hit & lanes, undefined(), next[b]);
                each_address(wa, 8, lanes, [&](unsigned a, W some) {
                    memory[a][b] = choose(some, value, memory[a][b]);
                });
            }
        }
        memcpy(read_data, next, sizeof next);
    }

    W out(int pin_of_bit) const {
        if (!read_mode)
            return read_data[pin_of_bit];
        int step = 1 << read_mode, first = pin(read_mode, 0), group = pin_of_bit / step;
        if (pin_of_bit % step != first)
            return 0;
        W value = 0;
        for (int b = 0; b < step; b++) {
            W lanes = read_data[group * step + b];
            for (int k = 0; k < read_mode; k++)
                lanes &= b >> k & 1 ? above[k] : ~above[k];
            value |= lanes;
        }
        return value;
    }
};

// SB_SPRAM256KA (FPGA-TN-02022): 16384 words of 16 bits, written by nibbles. The output is undefined
// after a write.
struct Spram {
    W memory[16384][16];
    W read_data[16];

    void start() {
        for (auto &word : memory)
            for (W &w : word)
                w = undefined();
        for (W &w : read_data)
            w = undefined();
    }

    void edge(W selected, W writes, const W *address, const W *data, const W *mask) {
        if (!selected)
            return;
        each_address(address, 14, selected, [&](unsigned a, W lanes) {
            for (int b = 0; b < 16; b++) {
                W &word = memory[a][b], written = lanes & writes;
                read_data[b] = choose(lanes & ~writes, word, read_data[b]);
                if (written) {
                    read_data[b] = choose(written, undefined(), read_data[b]);
                    word = choose(written & mask[b / 4], data[b], word);
                }
            }
        });
    }
};

// SB_MAC16 (FPGA-TN-02007) as two 8x8 multipliers with registers before and after.
struct DualMultiplier {
    W a[16], b[16], product[32];

    void start() {
        for (W &w : a)
            w = undefined();
        for (W &w : b)
            w = undefined();
        for (W &w : product)
            w = undefined();
    }

    void edge(W enable, const W *next_a, const W *next_b, bool a_signed, bool b_signed) {
        if (!enable)
            return;
        for (int half = 0; half < 2; half++) {
            const W *x = a + 8 * half, *y = b + 8 * half;
            W *p = product + 16 * half;
            if (all_same(x, 8) && all_same(y, 8))
                set(p, enable, multiply(number(x, 8, 0), number(y, 8, 0), a_signed, b_signed));
            else
                for (int lane = 0; lane < 64; lane++)
                    set(p, enable & (W)1 << lane,
                        multiply(number(x, 8, lane), number(y, 8, lane), a_signed, b_signed));
        }
        for (int k = 0; k < 16; k++) {
            a[k] = choose(enable, next_a[k], a[k]);
            b[k] = choose(enable, next_b[k], b[k]);
        }
    }

  private:
    static unsigned multiply(unsigned x, unsigned y, bool x_signed, bool y_signed) {
        int left = x_signed ? (int8_t)x : (int)x, right = y_signed ? (int8_t)y : (int)y;
        return (unsigned)(left * right);
    }
    static void set(W *p, W lanes, unsigned value) {
        for (int k = 0; k < 16; k++)
            p[k] = choose(lanes, value >> k & 1 ? ALL : 0, p[k]);
    }
};
