// A serial line and a flash at the pins of a netlist in 64 lanes.

#include <array>

#include "bench.h"
#include "flash.h"
#include "netlist.h"
#include "pins.h"

struct NetlistChip {
    Netlist *chip = new Netlist;
    FlashChip flash;
    u64 cycles = 0, different = 0;

    NetlistChip(u64 seed) {
        random_state = 0x9e3779b97f4a7c15ull * (seed + 1);
        for (W &net : chip->n)
            net = undefined();
        for (W &register_ : chip->s)
            register_ = 0;
        for (W &gate : chip->gate)
            gate = 0;
        chip->any = undefined();
        chip->start();
    }
    ~NetlistChip() { delete chip; }

    W step(bool rx) {
        chip->pad[RX].line = rx ? ALL : 0;
        chip->evaluate();
        while (chip->force())
            chip->evaluate();
        chip->gate_();
        chip->pads();
        if (CS >= 0 && answer()) {
            chip->evaluate();
            chip->pads();
        }
        look();
        const Pad &tx = chip->pad[TX];
        W line = choose(tx.enable, tx.out, ALL);
        chip->edge();
        chip->after();
        return line;
    }

    void lock(int locked) { chip->locked = locked ? ALL : 0; }
    void burn(unsigned address, const u8 *data, size_t count) { flash.burn(address, data, count); }
    u64 differences() const { return different; }

  private:
    // Outputs must be the same in all lanes from the moment on when the registers at the pads have
    // been clocked.
    void look() {
        if (cycles++ < 4)
            return;
        for (const PadName *pad = pad_names; pad->name; pad++) {
            const Pad &p = chip->pad[pad->pad];
            if (!same(p.enable) || !same(p.out & p.enable) || !same(p.second & p.enable)) {
                different++;
                return;
            }
        }
    }

    // The flash sees the lines of lane 0. Where lanes differ there, that has been counted. Returns
    // whether what is on its lines has changed.
    bool answer() {
        const Pad &cs = chip->pad[CS], &sck = chip->pad[SCK];
        flash.select(cs.enable & 1 && !(cs.out & 1));
        unsigned driven = 0, enabled = 0;
        for (int k = 0; k < 4; k++)
            if (DQ[k] >= 0) {
                const Pad &p = chip->pad[DQ[k]];
                driven |= (unsigned)(p.out & 1) << k;
                enabled |= (unsigned)(p.enable & 1) << k;
            }
        // A pulse is a rising and a falling edge, whichever half of the cycle it is high in. What
        // the chip puts out after a falling edge is on the lines from the next cycle on.
        unsigned lines = (driven & enabled) | (~enabled & ~flash.enabled() & 15) |
                         (flash.driven() & flash.enabled() & ~enabled);
        for (int k = 0; k < 4; k++)
            if (DQ[k] >= 0)
                chip->pad[DQ[k]].line = lines >> k & 1 ? ALL : 0;
        if ((sck.out | sck.second) & sck.enable & 1)
            flash.pulse(lines);
        bool changed = lines != lines_before;
        lines_before = lines;
        return changed;
    }

    unsigned lines_before = 15;
};

BENCH(NetlistChip)
