"""A reader at a flash, and images to put there."""

import zlib

from amaranth.hdl import *
from amaranth.lib import wiring

from accel.core.flash.reader import FlashReader
from accel.protocol import FlashStatus
from accel.sim.rtl.flash_chip import FlashChip

HEADER = b"header of 9"
OFFSET = 4096
GAP = 4
WAKE = 12


def image(contents: bytes, *, header: bytes = HEADER, length: int | None = None) -> bytes:
    """An image with a right CRC, whatever its header and length say."""
    if length is None:
        length = len(header) + 4 + len(contents) + 4
    data = header + length.to_bytes(4, "little") + contents
    return data + zlib.crc32(data).to_bytes(4, "little")


class FlashBench(Elaboratable):
    """Reader and chip, wired; ``stuck`` lines give this level instead of what the chip says."""

    def __init__(self, *, data_lines=4, divider=1, depth=16, offset=OFFSET, stuck=None, **chip):
        self.reader = FlashReader(
            data_lines=data_lines,
            divider=divider,
            offset=offset,
            header=HEADER,
            depth=depth,
            gap=GAP,
            wake=WAKE,
        )
        # No half of it, so that an offset taken away is not one that is added.
        self.chip = FlashChip(
            size=4 * offset if offset else 8192, **({"wake_cycles": WAKE * divider} | chip)
        )
        self.offset = offset
        self.stuck = stuck

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = self.reader
        m.submodules.chip = chip = self.chip
        if self.stuck is None:
            wiring.connect(m, reader.pins, chip.pins)
        else:
            m.d.comb += reader.pins.dq_i.eq(self.stuck)
        return m

    def fill(self, ctx, data: bytes, at: int = 0):
        """Put data into the chip; ``at`` counts from the image's begin."""
        for index, byte in enumerate(data):
            ctx.set(self.chip.memory.data[self.offset + at + index], byte)

    async def checked(self, ctx) -> FlashStatus:
        """Wait for the check to end; how it did."""
        while (status := ctx.get(self.reader.status)) == FlashStatus.CHECKING:
            assert not ctx.get(self.reader.o.valid)
            await ctx.tick()
        assert not ctx.get(self.chip.conflict)
        return FlashStatus(status)

    async def check(self, ctx) -> FlashStatus:
        """Check again; how it ended."""
        await self.pulse(ctx, self.reader.check)
        await ctx.tick()
        return await self.checked(ctx)

    async def start(self, ctx, address: int):
        ctx.set(self.reader.address, address)
        await self.pulse(ctx, self.reader.start)

    async def pulse(self, ctx, signal):
        """One cycle of 1."""
        ctx.set(signal, 1)
        await ctx.tick()
        ctx.set(signal, 0)
