"""Reads a program from the board's SPI flash, when it has found that it is one."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...protocol import FlashStatus
from ..primitives.family import Family
from .bus import READ_BITS, FlashBus, flash_pins
from .image_check import ImageCheck
from .read_ahead import ReadAhead

GAP = 5
WAKE = 2048
# A block of RAM holds 512 bytes. So many in LUTs would be slow, and no program gains from more than
# a hundred.
_DEPTH, _DEPTH_OF_LUTS = 512, 128


def depth_of(family: Family) -> int:
    """Bytes that are read ahead on a family: an ECP5's block RAM is for activations and weights."""
    return _DEPTH_OF_LUTS if family == "ecp5" else _DEPTH


class FlashReader(wiring.Component):
    """A stream of the bytes from any address of an image in a flash.

    After reset the chip is woken, identified, and the image checked from end to end; ``status``
    says when that is done and what came of it. From then on bytes are read by ``start``. They are
    read ahead until ``depth`` of them wait; then the flash's clock pauses and the chip stays
    selected. The cycles in which they come depend on nothing but when they are taken, in every
    family alike: see `sim.cycles.flash_bytes`.

    Parameters
    ----------
    data_lines, divider, offset : int
        As ``FlashBus`` has them.
    header : bytes
        As ``ImageCheck`` has it.
    depth : int
        Bytes that are read ahead, a power of two.
    of_luts : bool
        They wait in RAM of LUTs, where the FPGA has such.
    gap, wake : int
        As ``FlashBus`` has them; by default 100 ns at 48 MHz, and more than the 35 us that the
        slowest chips need (tRES1) at up to 58 MHz.

    Members
    -------
    start : In(1), address : In(23)
        Begin to read there in the image, where ``address`` points in the next cycle. Ends any read
        before; nothing of that comes any more from the next cycle on. Ignored while ``status`` is
        ``CHECKING``.
    stop : In(1)
        End the read: nothing comes any more from the next cycle but one on. Ignored while
        ``status`` is ``CHECKING``, and in the cycle of a ``start``.
    o : Out(stream.Signature(8))
        The bytes in their order.
    check : In(1)
        Begin the check anew, whatever goes on; goes before ``start`` and ``stop``. The ``status``
        is ``CHECKING`` two cycles later.
    status : Out(FlashStatus)
        What is known of the image.
    pins : Out(flash_pins)
        To the pads, see `FlashPhy`.

    Raises
    ------
    ValueError
        If a parameter is not what it must be.
    """

    def __init__(
        self,
        *,
        data_lines: int,
        divider: int,
        offset: int,
        header: bytes,
        depth: int = _DEPTH,
        of_luts: bool = False,
        gap: int = GAP,
        wake: int = WAKE,
    ):
        self.bus = FlashBus(
            data_lines=data_lines, divider=divider, offset=offset, gap=gap, wake=wake
        )
        self.fifo = ReadAhead(depth=depth, of_luts=of_luts)
        self.image_check = ImageCheck(header=header)
        super().__init__(
            {
                "start": In(1),
                "address": In(READ_BITS),
                "stop": In(1),
                "o": Out(stream.Signature(8)),
                "check": In(1),
                "status": Out(FlashStatus),
                "pins": Out(flash_pins),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.bus = bus = self.bus
        m.submodules.fifo = fifo = self.fifo
        m.submodules.image_check = image_check = self.image_check
        wiring.connect(m, wiring.flipped(self.pins), bus.pins)
        # The first cycle begins the check, which sets everything but these two.
        probe = Signal(init=1)
        checking, checked = Signal(), Signal()
        # Requests come from the ends of long paths and pass registers, and so does the check's end.
        # The bytes go to the check as long as the reader is closed.
        start, end, closed = Signal(), Signal(), Signal(init=1)
        waiting = checking | probe
        m.d.sync += [
            probe.eq(self.check),
            start.eq(self.start & ~waiting),
            end.eq(Mux(checking, image_check.ended, self.stop) & ~probe),
            closed.eq(checking | self.start | self.stop),
        ]
        m.d.comb += [
            checking.eq(self.status == FlashStatus.CHECKING),
            checked.eq(checking & image_check.ended),
            bus.probe.eq(probe),
            bus.read.eq(start),
            bus.address.eq(self.address),
            bus.end.eq(end),
            bus.room.eq(fifo.room),
            fifo.clear.eq(probe | bus.read | bus.end),
            fifo.begun.eq(bus.begun),
            fifo.write.eq(bus.received),
            fifo.data.eq(bus.byte),
        ]

        m.d.comb += [
            image_check.begin.eq(probe),
            image_check.i.payload.eq(fifo.o.payload),
            image_check.i.valid.eq(fifo.o.valid & closed),
            self.o.payload.eq(fifo.o.payload),
            self.o.valid.eq(fifo.o.valid & ~closed),
            fifo.o.ready.eq(Mux(closed, image_check.i.ready, self.o.ready)),
        ]
        with m.If(probe):
            m.d.sync += self.status.eq(FlashStatus.CHECKING)
        with m.Elif(bus.no_chip):
            m.d.sync += self.status.eq(FlashStatus.NO_CHIP)
        with m.Elif(checked):
            m.d.sync += self.status.eq(image_check.status)
        return m
