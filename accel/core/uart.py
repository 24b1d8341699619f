"""An asynchronous serial link of 8 data bits, no parity and one stop bit."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

_BITS = 8
_LARGEST_ERROR = 0.02
_SMALLEST_DIVISOR = 5


def divisor_for(clock_hz: float, baud: float) -> int:
    """Clock cycles in a bit.

    Raises ``ValueError`` if the clock is too slow, or if the rate it gives is 2 % or more off,
    which would move the sampling point too far by the tenth bit.
    """
    divisor = round(clock_hz / baud)
    if divisor < _SMALLEST_DIVISOR:
        raise ValueError(
            f"Baud rate must be at most {clock_hz / _SMALLEST_DIVISOR:g} with a clock of "
            f"{clock_hz:g} Hz, not {baud:g}"
        )
    error = abs(clock_hz / divisor / baud - 1)
    if error >= _LARGEST_ERROR:
        raise ValueError(
            f"Baud rate must be within {_LARGEST_ERROR:.0%} of what divides a clock of "
            f"{clock_hz:g} Hz, and {baud:g} is {error:.1%} off"
        )
    return divisor


class Receiver(wiring.Component):
    """Bytes from a line.

    A bit is sampled in its middle. A start bit that has gone by then was a glitch and is dropped
    silently. A byte is given out as soon as its stop bit is sampled, and is held until it is taken:
    if the next one is complete before that, the next one is lost and ``overrun`` set.

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit.

    Members
    -------
    rx : In(1)
        The line, asynchronous.
    o : Out(stream.Signature(8))
        The bytes.
    overrun : Out(1)
        For one cycle: a byte was lost.
    framing_error : Out(1)
        For one cycle: a byte had no stop bit and was dropped.
    """

    rx: In(1, init=1)
    o: Out(stream.Signature(_BITS))
    overrun: Out(1)
    framing_error: Out(1)

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)

        # Counts down from the start bit's edge to its middle, then from middle to middle.
        timer = _Timer(self.divisor)
        # The start bit has been sampled, and with it all data, once it reaches the lowest bit.
        shift = Signal(_BITS + 1)
        busy = Signal()
        with m.If(~busy):
            m.d.sync += [
                timer.load(self.divisor // 2),
                shift.eq(~0),
                busy.eq(~rx),
            ]
        with m.Elif(timer.done):
            m.d.sync += [timer.load(self.divisor), shift.eq(Cat(shift[1:], rx))]
            # A glitch is not a start bit; a byte ends in the middle of its stop bit.
            with m.If(~shift[0] | (shift.all() & rx)):
                m.d.sync += busy.eq(0)
        with m.Else():
            m.d.sync += timer.tick()

        ended = Signal()
        m.d.comb += [
            ended.eq(busy & timer.done & ~shift[0]),
            self.framing_error.eq(ended & ~rx),
            self.overrun.eq(ended & rx & self.o.valid & ~self.o.ready),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(ended & rx & (~self.o.valid | self.o.ready)):
            m.d.sync += [self.o.payload.eq(shift[1:]), self.o.valid.eq(1)]
        return m


class Transmitter(wiring.Component):
    """Bytes to a line.

    A byte is taken when the stop bit of the one before has been sent in full.

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit.

    Members
    -------
    i : In(stream.Signature(8))
        The bytes.
    tx : Out(1)
        The line, straight from a flip-flop.
    """

    i: In(stream.Signature(_BITS))
    tx: Out(1, init=1)

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        timer = _Timer(self.divisor)
        # What is still to be sent, the stop bit last; nothing once that has been put on the line.
        shift = Signal(_BITS + 1)
        m.d.comb += self.i.ready.eq(timer.done & ~shift.any())
        with m.If(~timer.done):
            m.d.sync += timer.tick()
        with m.Elif(shift.any()):
            m.d.sync += [Cat(self.tx, shift).eq(shift), timer.load(self.divisor)]
        with m.Elif(self.i.valid):
            m.d.sync += [
                self.tx.eq(0),
                shift.eq(Cat(self.i.payload, 1)),
                timer.load(self.divisor),
            ]
        return m


class Uart(wiring.Component):
    """A receiver and a transmitter of one rate.

    Parameters
    ----------
    clock_hz, baud : float
        Frequency of the ``sync`` domain, and bits in a second on the line.

    Members
    -------
    rx, tx : In(1), Out(1)
        The lines.
    o, i : Out(stream.Signature(8)), In(stream.Signature(8))
        Bytes received and bytes to send.
    overrun, framing_error : Out(1)
        As ``Receiver`` has them.

    Raises
    ------
    ValueError
        As ``divisor_for`` does.
    """

    rx: In(1, init=1)
    tx: Out(1, init=1)
    i: In(stream.Signature(_BITS))
    o: Out(stream.Signature(_BITS))
    overrun: Out(1)
    framing_error: Out(1)

    def __init__(self, *, clock_hz: float, baud: float):
        self.divisor = divisor_for(clock_hz, baud)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = Receiver(self.divisor)
        m.submodules.transmitter = transmitter = Transmitter(self.divisor)
        wiring.connect(m, wiring.flipped(self.o), receiver.o)
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            self.overrun.eq(receiver.overrun),
            self.framing_error.eq(receiver.framing_error),
        ]
        return m


class _Timer:
    """Counts cycles down to minus one, whose sign bit says that it is done without a comparison."""

    def __init__(self, longest: int):
        self.count = Signal(signed(longest.bit_length() + 1), init=-1, name="timer")
        self.done = self.count[-1]

    def load(self, cycles: int):
        """Be done ``cycles`` cycles after this one."""
        return self.count.eq(cycles - 2)

    def tick(self):
        return self.count.eq(self.count - 1)
