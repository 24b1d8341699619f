"""An asynchronous serial link of 8 data bits, no parity and one stop bit."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from ..signals import idle_high

_BITS = 8
_STEPS = 8
_LARGEST_ERROR = 0.005


class Pace(wiring.Component):
    """Divides the time of a bit into ``_STEPS`` steps, which are even to a cycle of the clock.

    Adds a fraction to a sum in every cycle; a step has passed where the sum overflows.

    Parameters
    ----------
    clock_hz, baud : float
        Frequency of the ``sync`` domain, and bits in a second.

    Members
    -------
    step : Out(1)
        For one cycle: a step has passed.

    Raises
    ------
    ValueError
        If a step would be shorter than two cycles.
    """

    def __init__(self, *, clock_hz: float, baud: float):
        if not 0 < 2 * _STEPS * baud <= clock_hz:
            raise ValueError(
                f"Baud rate must be positive and at most {clock_hz / _STEPS / 2:g} with a clock "
                f"of {clock_hz:g} Hz, not {baud:g}"
            )
        fraction = _STEPS * baud / clock_hz  # of a step, that passes in a cycle
        self.width = 1
        while abs(round(fraction * 2**self.width) / 2**self.width / fraction - 1) > _LARGEST_ERROR:
            self.width += 1
        self.increment = round(fraction * 2**self.width)
        self.made_baud = self.increment / 2**self.width * clock_hz / _STEPS
        super().__init__({"step": Out(1)})

    def elaborate(self, platform):
        m = Module()
        total = Signal(self.width)
        m.d.sync += Cat(total, self.step).eq(total + self.increment)
        return m


class Receiver(wiring.Component):
    """Bytes from a line.

    A bit is sampled in its middle. A start bit that has gone by then was a glitch and is dropped
    silently. A byte is given out as soon as its stop bit is sampled, and is held until it is taken:
    if the next one is complete before that, the next one is lost and ``overrun`` set.

    Members
    -------
    step : In(1)
        From ``Pace``.
    rx : In(1)
        The line, asynchronous.
    o : Out(stream.Signature(8))
        The bytes.
    overrun : Out(1)
        For one cycle: a byte was lost.
    framing_error : Out(1)
        For one cycle: a byte had no stop bit and was dropped.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "step": In(1),
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
        before = Signal()
        m.d.sync += before.eq(rx)

        # From the start bit's edge half a bit to its middle, then from middle to middle.
        busy = Signal()
        steps = Signal(range(_STEPS))
        sample = Signal()
        m.d.comb += sample.eq(busy & self.step & (steps == _STEPS - 1))
        with m.If(~busy):
            m.d.sync += steps.eq(_STEPS // 2)
        with m.Elif(self.step):
            m.d.sync += steps.eq(steps + 1)

        # Once the start bit has reached the lowest bit, all data bits are there.
        shift = Signal(_BITS + 1)
        started = Signal()
        with m.If(~busy):
            m.d.sync += [shift.eq(~0), started.eq(0), busy.eq(before & ~rx)]
        with m.Elif(sample):
            m.d.sync += [shift.eq(Cat(shift[1:], rx)), started.eq(1)]
            with m.If(~shift[0] | (rx & ~started)):
                m.d.sync += busy.eq(0)

        ended = Signal()
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
    """Bytes to a line.

    A byte is taken past the end of a bit time, if the stop bit of the one before has been sent.

    Members
    -------
    step : In(1)
        From ``Pace``.
    i : In(stream.Signature(8))
        The bytes.
    tx : Out(1)
        The line, straight from a flip-flop.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "step": In(1),
                "i": In(stream.Signature(_BITS)),
                "tx": idle_high(Out),
            }
        )

    def elaborate(self, platform):
        m = Module()
        steps = Signal(range(_STEPS))
        next_bit = Signal()
        m.d.comb += next_bit.eq(self.step & (steps == _STEPS - 1))
        with m.If(self.step):
            m.d.sync += steps.eq(steps + 1)

        # What is still to be sent, the stop bit last; nothing once that is on the line.
        # That nothing is left to send is known a cycle before a byte is taken.
        shift = Signal(_BITS + 1)
        busy = Signal()
        m.d.comb += busy.eq(shift.any())
        m.d.sync += self.i.ready.eq(next_bit & ~busy)
        with m.If(next_bit & busy):
            m.d.sync += Cat(self.tx, shift).eq(shift)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [self.tx.eq(0), shift.eq(Cat(self.i.payload, 1))]
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
        As ``Pace`` does.
    """

    def __init__(self, *, clock_hz: float, baud: float):
        self.pace = Pace(clock_hz=clock_hz, baud=baud)
        super().__init__(
            {
                "rx": idle_high(In),
                "tx": idle_high(Out),
                "i": In(stream.Signature(_BITS)),
                "o": Out(stream.Signature(_BITS)),
                "overrun": Out(1),
                "framing_error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.pace = pace = self.pace
        m.submodules.receiver = receiver = Receiver()
        m.submodules.transmitter = transmitter = Transmitter()
        wiring.connect(m, wiring.flipped(self.o), receiver.o)
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        m.d.comb += [
            receiver.step.eq(pace.step),
            transmitter.step.eq(pace.step),
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            self.overrun.eq(receiver.overrun),
            self.framing_error.eq(receiver.framing_error),
        ]
        return m
