"""An SPI target: bytes from and to a host that makes the clock."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

_BITS = 8


class SpiTarget(wiring.Component):
    """Bytes both ways in mode 0, most significant bit first.

    Bits are shifted by the host's clock, which may be up to a quarter of the core's. A byte that is
    whole crosses over to the core. The next byte to send crosses to the host's clock before its
    time on the line begins; where there is none zeros are sent, and so in the first byte after the
    target was selected. Bits of a byte that is not whole when the host deselects are forgotten.

    Timing: a byte to send is in time if it is there 16 cycles of the core before its first bit.

    Members
    -------
    sck, copi, select : In(1)
        The host's lines, asynchronous.
    cipo : Out(1)
        To the host. It changes at the falling edge of ``sck``.
    o : Out(stream.Signature(8))
        Bytes that came. One is lost if it is whole before the one before it was taken.
    i : In(stream.Signature(8))
        Bytes to send.
    overrun : Out(1)
        For one cycle: a byte was lost.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "sck": In(1),
                "copi": In(1),
                "select": In(1),
                "cipo": Out(1),
                "o": Out(stream.Signature(_BITS)),
                "i": In(stream.Signature(_BITS)),
                "overrun": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.domains.rising = ClockDomain(local=True, async_reset=True)
        m.domains.falling = ClockDomain(local=True, async_reset=True, clk_edge="neg")
        # What a crossing looks at is not forgotten when the host deselects.
        m.domains.whole = ClockDomain(local=True, reset_less=True)
        m.domains.fetched = ClockDomain(local=True, reset_less=True, clk_edge="neg")
        for name in ("rising", "falling", "whole", "fetched"):
            m.d.comb += ClockSignal(name).eq(self.sck)
        m.d.comb += [
            ResetSignal("rising").eq(~self.select),
            ResetSignal("falling").eq(~self.select),
        ]

        bit = Signal(range(_BITS))  # of the byte, at the rising edge
        m.d.rising += bit.eq(bit + 1)
        self._add_receiver(m, bit)
        self._add_transmitter(m, bit)
        return m

    def _add_receiver(self, m, bit):
        shift, whole, there = Signal(_BITS - 1), Signal(_BITS), Signal()
        m.d.rising += shift.eq(Cat(self.copi, shift))
        with m.If(bit == _BITS - 1):
            m.d.whole += [whole.eq(Cat(self.copi, shift)), there.eq(~there)]

        came = _changed(m, there, "there")
        taken = self.o.ready | ~self.o.valid
        m.d.comb += self.overrun.eq(came & ~taken)
        with m.If(came & taken):
            m.d.sync += [self.o.payload.eq(whole), self.o.valid.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

    def _add_transmitter(self, m, bit):
        held, full, gone = Signal(_BITS), Signal(), Signal()
        known, seen, shift = Signal(), Signal(), Signal(_BITS)
        m.d.fetched += [seen.eq(full), known.eq(seen)]
        m.d.falling += shift.eq(shift << 1)
        # After the last rising edge of a byte its number of bits is 0 again.
        with m.If(bit == 0):
            m.d.falling += shift.eq(Mux(known, held, 0))
            with m.If(known):
                m.d.fetched += gone.eq(~gone)
        m.d.comb += self.cipo.eq(shift[-1])

        m.d.comb += self.i.ready.eq(~full)
        with m.If(_changed(m, gone, "gone")):
            m.d.sync += full.eq(0)
        with m.Elif(self.i.valid & ~full):
            m.d.sync += [full.eq(1), held.eq(self.i.payload)]


def _changed(m, value, name):
    """Whether a signal of another domain has changed; what it goes with has been stable since."""
    here, before = Signal(name=f"{name}_here"), Signal(name=f"{name}_before")
    m.submodules[f"{name}_crossing"] = FFSynchronizer(value, here)
    m.d.sync += before.eq(here)
    return here != before
