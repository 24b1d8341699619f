"""An asynchronous serial link of 8 data bits, no parity and one stop bit."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...protocol import EIGHTHS, LEAST_EIGHTHS, SHORTEST_BIT
from ..link_signatures import LineRate
from ..signals import advanced, idle_high

_BITS = 8
_EIGHTHS = bits_for(EIGHTHS - 1)
_HALF = EIGHTHS // 2
_LARGEST_ERROR = 0.02
_STRIKES = 8  # bytes without a stop bit


def bit_length(width: int) -> data.StructLayout:
    """How long a bit is on a line: whole cycles less two, in ``width`` bits, and eighths of one.

    A bit takes a cycle more than its whole ones whenever its eighths have come to one. They begin
    with a half, so an edge is at most half a cycle from where it should be.
    """
    return data.StructLayout({"eighths": _EIGHTHS, "less_two": width})


class Receiver(wiring.Component):
    """Bytes from a line.

    A bit is sampled in its middle, or as close to it as the clock allows. A start bit that has gone
    by then was a glitch and is dropped silently. A byte is given out as soon as its stop bit is
    sampled, and is held until it is taken: if the next one is complete before that, the next one is
    lost and ``overrun`` set.

    Members
    -------
    bit : In(bit_length(width))
        How long a bit is.
    rx : In(1)
        The line, asynchronous.
    o : Out(stream.Signature(8))
        The bytes.
    overrun : Out(1)
        For one cycle: a byte was lost.
    framing_error : Out(1)
        For one cycle: a byte had no stop bit and was dropped.
    """

    def __init__(self, width: int) -> None:
        super().__init__(
            {
                "bit": In(bit_length(width)),
                "rx": idle_high(In),
                "o": Out(stream.Signature(_BITS)),
                "overrun": Out(1),
                "framing_error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)
        before = Signal(init=1)
        m.d.sync += before.eq(rx)

        # From the start bit's edge half a bit to its middle, then from middle to middle, counted
        # from -1 on; a bit that takes a cycle more counts -1 twice.
        shift = Signal(_BITS + 1, reset_less=True)
        busy, sample, ended, longer = Signal(), Signal(), Signal(), Signal()
        cycle = Signal.like(self.bit.less_two, reset_less=True)
        m.d.comb += sample.eq(busy & (cycle == self.bit.less_two))
        with m.If(busy & (longer | (sample & shift[0]))):
            m.d.sync += cycle.eq(~0)
        with m.Else():
            half = self.bit.less_two >> 1
            load = ended | (~busy & rx)
            m.d.sync += cycle.eq(advanced(cycle, C(1, 1), load=load, loaded=half))

        # Once the start bit has reached the lowest bit, all data bits are there.
        started, eighths = Signal(), Signal(_EIGHTHS, reset_less=True)
        total = eighths + self.bit.eighths
        m.d.sync += longer.eq(sample & total[-1])
        with m.If(~busy):
            m.d.sync += [shift.eq(~0), eighths.eq(_HALF)]
            m.d.sync += [started.eq(0), busy.eq(before & ~rx)]
        with m.Elif(sample):
            m.d.sync += [shift.eq(Cat(shift[1:], rx)), eighths.eq(total)]
            m.d.sync += started.eq(1)
            with m.If(~shift[0] | (rx & ~started)):
                m.d.sync += busy.eq(0)

        taken = Signal()
        m.d.comb += [
            ended.eq(sample & ~shift[0]),
            taken.eq(self.o.ready | ~self.o.valid),
            self.framing_error.eq(ended & ~rx),
            self.overrun.eq(ended & rx & ~taken),
        ]
        with m.If(taken):
            m.d.sync += self.o.valid.eq(ended & rx)
            m.d.sync += self.o.payload.eq(shift[1:])
        return m


class Transmitter(wiring.Component):
    """Bytes to a line, one directly after the other where they come in time.

    Members
    -------
    bit : In(bit_length(width))
        How long a bit is.
    i : In(stream.Signature(8))
        The bytes.
    tx : Out(1)
        The line, straight from a flip-flop.
    idle : Out(1)
        Nothing is being sent.
    """

    def __init__(self, width: int) -> None:
        super().__init__(
            {
                "bit": In(bit_length(width)),
                "i": In(stream.Signature(_BITS)),
                "tx": idle_high(Out),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # What is still to be sent, the stop bit last; nothing once that is on the line.
        shift = Signal(_BITS + 1)
        bit_over, empty = Signal(init=1), Signal(init=1)
        m.d.comb += [self.idle.eq(bit_over & empty), self.i.ready.eq(self.idle)]
        moves = bit_over & (~empty | self.i.valid)
        stops = ~empty & ~shift[1:].any()
        eighths, longer = Signal(_EIGHTHS, reset_less=True), Signal()
        total = eighths + self.bit.eighths
        m.d.sync += longer.eq(moves & total[-1])
        with m.If(moves):
            m.d.sync += Cat(self.tx, shift).eq(Mux(empty, Cat(C(0, 1), self.i.payload, 1), shift))
            m.d.sync += [empty.eq(stops), eighths.eq(Mux(stops, _HALF, total))]

        # Cycles of the bit, counted up to -1. A bit that takes a cycle more begins twice.
        cycle = Signal.like(self.bit.less_two, reset_less=True)
        load = moves | longer
        m.d.sync += cycle.eq(advanced(cycle, C(1, 1), load=load, loaded=~self.bit.less_two))
        m.d.sync += bit_over.eq((bit_over | cycle.all()) & ~moves)
        return m


class Uart(wiring.Component):
    """A receiver and a transmitter of one rate, which the host may change.

    Parameters
    ----------
    clock_hz, baud : float
        Frequency of the ``sync`` domain, and bits in a second on the line at first, to which the
        rate falls back. Made to the nearest eighth of a cycle in a bit.

    Members
    -------
    rx, tx : In(1), Out(1)
        The lines.
    o, i : Out(stream.Signature(8)), In(stream.Signature(8))
        Bytes received and bytes to send.
    rate : In(LineRate)
        Another rate. It is valid once what is being sent has been sent.
    overrun, framing_error : Out(1)
        As ``Receiver`` has them.

    Raises
    ------
    ValueError
        If a bit would take less than `protocol.SHORTEST_BIT` cycles.
    """

    def __init__(self, *, clock_hz: float, baud: float):
        if baud <= 0 or clock_hz / baud < SHORTEST_BIT * (1 - _LARGEST_ERROR):
            raise ValueError(
                f"Baud rate must be positive and at most {clock_hz / SHORTEST_BIT:g} with a clock "
                f"of {clock_hz:g} Hz, not {baud:g}"
            )
        self.bit = max(round(EIGHTHS * clock_hz / baud), EIGHTHS * SHORTEST_BIT)
        self.made_baud = EIGHTHS * clock_hz / self.bit
        super().__init__(
            {
                "rx": idle_high(In),
                "tx": idle_high(Out),
                "i": In(stream.Signature(_BITS)),
                "o": Out(stream.Signature(_BITS)),
                "rate": In(LineRate()),
                "overrun": Out(1),
                "framing_error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = bits_for(self.bit // EIGHTHS - 1)  # all ones are -1 to the receiver
        m.submodules.receiver = receiver = Receiver(width)
        m.submodules.transmitter = transmitter = Transmitter(width)
        wiring.connect(m, wiring.flipped(self.o), receiver.o)
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        bit = self._add_rate(m, width, transmitter.idle, receiver.framing_error)
        m.d.comb += [
            receiver.bit.eq(bit),
            transmitter.bit.eq(bit),
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            self.overrun.eq(receiver.overrun),
            self.framing_error.eq(receiver.framing_error),
        ]
        return m

    def _add_rate(self, m, width, idle, error):
        """How long a bit is: as the host says until nobody understands it."""
        framing_error, lost = Signal(), Signal()
        m.d.sync += framing_error.eq(error)
        rate, at_first = self.rate, self.bit - LEAST_EIGHTHS
        bit = Signal(_EIGHTHS + width, init=at_first)
        due, tried = Signal(), Signal()
        strikes = Signal(range(_STRIKES))
        with m.If(rate.good):
            m.d.sync += [strikes.eq(0), tried.eq(0)]
        with m.Elif(framing_error):
            m.d.sync += strikes.eq(strikes + 1)
        m.d.sync += lost.eq((tried & rate.expired) | (framing_error & strikes.all()))
        with m.If(rate.apply):
            m.d.sync += due.eq(1)
        with m.Elif(due & idle):
            m.d.sync += [due.eq(0), tried.eq(1), bit.eq(rate.bit)]
        with m.Elif(lost):
            m.d.sync += [tried.eq(0), bit.eq(at_first)]
        return bit
