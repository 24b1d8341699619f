// A SPI NOR flash, from Winbond's data sheet "W25Q128JV" as sim/rtl/flash_chip.py has it, for all
// lanes together: asleep after power-up, as the configuration leaves it.
#pragma once
#include "lanes.h"
#include <vector>

class FlashChip {
  public:
    static constexpr unsigned SIZE = 1 << 24;

    void burn(unsigned address, const u8 *data, size_t count) {
        first = address;
        memory.assign(data, data + count);
    }

    void select(bool now) {
        if (selected && !now && clocks == 8 && instruction == RELEASE)
            awake = true;
        if (now && !selected)
            clocks = 0, instruction = 0, address = 0;
        selected = now;
        if (!now)
            enable = 0;
    }

    // The rising edge takes what is on the lines, the falling one changes what is driven.
    void pulse(unsigned lines) {
        if (!selected)
            return;
        if (clocks < 8)
            instruction = (instruction << 1 | (lines & 1)) & 0xff;
        else if (clocks < 32)
            address = (address << 1 | (lines & 1)) & (SIZE - 1);
        clocks++;
        if (awake)
            drive();
    }

    unsigned enabled() const { return enable; }
    unsigned driven() const { return out; }

  private:
    enum { RELEASE = 0xab, IDENTIFY = 0x9f, READ = 0x0b, READ_DUAL = 0x3b, READ_QUAD = 0x6b };
    static const unsigned FIRST_DATA = 8 + 24 + 8; // pulses: instruction, address, dummies

    void drive() {
        static const u8 identity[3] = {0xef, 0x40, 0x18};
        if (instruction == IDENTIFY && clocks >= 8) {
            unsigned bit = clocks - 8;
            put(1, identity[bit / 8 % 3], bit % 8);
        }
        int count = instruction == READ ? 1 : instruction == READ_DUAL ? 2 : instruction == READ_QUAD ? 4 : 0;
        if (count && clocks >= FIRST_DATA) {
            unsigned bit = (clocks - FIRST_DATA) * count;
            put(count, at((address + bit / 8) & (SIZE - 1)), bit % 8);
        }
    }

    void put(int count, u8 byte, unsigned bit) {
        unsigned value = byte >> (8 - bit - count) & ((1u << count) - 1);
        enable = count == 1 ? 2 : (1u << count) - 1; // one line: DO
        out = count == 1 ? value << 1 : value;
    }

    u8 at(unsigned where) const {
        return where - first < memory.size() ? memory[where - first] : 0;
    }

    std::vector<u8> memory;
    unsigned first = 0, clocks = 0, instruction = 0, address = 0, enable = 0, out = 0;
    bool selected = false, awake = false;
};
