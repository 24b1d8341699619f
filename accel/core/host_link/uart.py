"""An asynchronous serial link of 8 data bits, no parity and one stop bit."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...protocol import SHORTEST_BIT
from ..signals import idle_high
from ..signatures import LineRate

_BITS = 8
_LARGEST_ERROR = 0.02
_STRIKES = 8  # bytes without a stop bit


class Receiver(wiring.Component):
    """Bytes from a line.

    A bit is sampled in its middle, or as close to it as the clock allows. A start bit that has gone
    by then was a glitch and is dropped silently. A byte is given out as soon as its stop bit is
    sampled, and is held until it is taken: if the next one is complete before that, the next one is
    lost and ``overrun`` set.

    Members
    -------
    less_one : In(width)
        The cycles of a bit, which are at least `protocol.SHORTEST_BIT`, minus one.
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
                "less_one": In(width),
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

        # From the start bit's edge half a bit to its middle, then from middle to middle.
        busy, sample = Signal(), Signal()
        cycle = Signal.like(self.less_one)
        with m.If(~busy):
            m.d.sync += cycle.eq(1)
        with m.Else():
            m.d.sync += cycle.eq(Mux(cycle == self.less_one, 0, cycle + 1))
        m.d.comb += sample.eq(busy & (cycle == self.less_one >> 1))

        # Once the start bit has reached the lowest bit, all data bits are there.
        shift = Signal(_BITS + 1)
        started = Signal()
        with m.If(~busy):
            m.d.sync += [shift.eq(~0), started.eq(0), busy.eq(before & ~rx)]
        with m.Elif(sample):
            m.d.sync += [shift.eq(Cat(shift[1:], rx)), started.eq(1)]
            with m.If(~shift[0] | (rx & ~started)):
                m.d.sync += busy.eq(0)

        ended, taken = Signal(), Signal()
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
    less_one : In(width)
        The cycles of a bit, which are at least `protocol.SHORTEST_BIT`, minus one.
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
                "less_one": In(width),
                "i": In(stream.Signature(_BITS)),
                "tx": idle_high(Out),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # What is still to be sent, the stop bit last; nothing once that is on the line.
        shift, cycle = Signal(_BITS + 1), Signal.like(self.less_one)
        bit_over, empty = Signal(init=1), Signal(init=1)
        m.d.comb += [self.idle.eq(bit_over & empty), self.i.ready.eq(self.idle)]
        m.d.sync += empty.eq(~shift.any())
        moves = bit_over & (~empty | self.i.valid)
        with m.If(moves):
            m.d.sync += [cycle.eq(1), bit_over.eq(0)]
            m.d.sync += Cat(self.tx, shift).eq(Mux(empty, Cat(C(0, 1), self.i.payload, 1), shift))
        with m.Elif(~bit_over):
            m.d.sync += [cycle.eq(cycle + 1), bit_over.eq(cycle == self.less_one)]
        return m


class Uart(wiring.Component):
    """A receiver and a transmitter of one rate, which the host may change.

    Parameters
    ----------
    clock_hz, baud : float
        Frequency of the ``sync`` domain, and bits in a second on the line at first, to which the
        rate falls back.

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
        If the clock cannot make the rate to a fiftieth.
    """

    def __init__(self, *, clock_hz: float, baud: float):
        self.cycles = round(clock_hz / baud) if baud > 0 else 0
        if self.cycles < SHORTEST_BIT or clock_hz / baud < SHORTEST_BIT * (1 - _LARGEST_ERROR):
            raise ValueError(
                f"Baud rate must be positive and at most {clock_hz / SHORTEST_BIT:g} with a clock "
                f"of {clock_hz:g} Hz, not {baud:g}"
            )
        self.made_baud = clock_hz / self.cycles
        if abs(self.made_baud / baud - 1) > _LARGEST_ERROR:
            raise ValueError(
                f"Baud rate must be a whole fraction of the clock's {clock_hz:g} Hz, such as "
                f"{self.made_baud:g}, not {baud:g}"
            )
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
        width = bits_for(self.cycles - 1)
        m.submodules.receiver = receiver = Receiver(width)
        m.submodules.transmitter = transmitter = Transmitter(width)
        wiring.connect(m, wiring.flipped(self.o), receiver.o)
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        less_one = self._add_rate(m, width, transmitter.idle, receiver.framing_error)
        m.d.comb += [
            receiver.less_one.eq(less_one),
            transmitter.less_one.eq(less_one),
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            self.overrun.eq(receiver.overrun),
            self.framing_error.eq(receiver.framing_error),
        ]
        return m

    def _add_rate(self, m, width, idle, error):
        """The cycles of a bit, less one: as the host says until nobody understands it."""
        framing_error, lost = Signal(), Signal()
        m.d.sync += framing_error.eq(error)
        rate, at_first = self.rate, self.cycles - 1
        less_one = Signal(width, init=at_first)
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
            m.d.sync += [due.eq(0), tried.eq(1), less_one.eq(rate.less_one)]
        with m.Elif(lost):
            m.d.sync += [tried.eq(0), less_one.eq(at_first)]
        return less_one
