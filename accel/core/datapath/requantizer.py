"""From a sum to a result: a division by a constant, one a cycle."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...isa import Isa
from ...numeric.division.division import (
    DIVISOR_BITS,
    FORM_SHIFTS,
    LEAST_FRACTION_BITS,
    OFFSET_DROPPED_BITS,
    TIE_BITS,
    TOTAL_BITS,
)
from ..primitives import dual_port
from ..primitives.family import Family
from ..signals import delayed
from ..signatures import ParameterPort

CODE_BITS = 8
BIASED_CYCLES = 1  # from a sum to the biased sum
_STAGES = 2 + CODE_BITS + 1  # add the bias, add the offset; divide; saturate
_REMAINDER_BITS = DIVISOR_BITS + 1  # of a non-restoring division: -divisor <= remainder < divisor


def latency_of(family: Family) -> int:
    """Cycles from a sum to its result, in a family."""
    return _STAGES + dual_port.latency_of(family)


class Requantizer(wiring.Component):
    """``result = saturate(((biased << F) + offset) // divisor)`` to 0..255, exact.

    The rule and its constants are those of `numeric.division.Division`.

    Timing: ``latency`` cycles from ``sum`` to its result, one a cycle, no backpressure.
    ``parameters.early`` belongs to the sum of the same cycle; ``parameters.negative`` comes a cycle
    later, ``parameters.offset`` as many cycles after that as a `ParameterTable` takes, and
    ``parameters.late`` in the cycle after.

    Members
    -------
    sum : In(signed(TOTAL_BITS))
        A sum without its bias, which must not take it out of these bits. With ``carry_save`` it has
        one bit more, at the bottom: it counts halves, and is rounded up.
    parameters : Out(ParameterPort)
        The constants of its channel.
    tie_parity : In(1)
        Of channels that round ties to even; stable while a layer runs.
    biased : Out(signed(32))
        With ``wide``, ``BIASED_CYCLES`` later: the sum and the bias, modulo 2**32.
    o : Out(8)
        The code + 128.
    """

    def __init__(self, isa: Isa, *, carry_save: bool = False, wide: bool = False):
        self.wait = dual_port.latency_of(isa.config.family)
        self.latency = latency_of(isa.config.family)
        self.carry_save = carry_save
        self.family = isa.config.family
        self.wide = wide
        super().__init__(
            {
                **({"biased": Out(signed(TOTAL_BITS))} if self.wide else {}),
                "sum": In(signed(TOTAL_BITS + carry_save)),
                "parameters": Out(ParameterPort(isa)),
                "tie_parity": In(1),
                "o": Out(CODE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        early = self.parameters.early

        # Add the bias, and wait for the offset that goes with the sign.
        biased = Signal(signed(TOTAL_BITS), reset_less=True)
        if self.wide:
            m.d.comb += self.biased.eq(biased)
        total = self.sum + early.bias
        if self.carry_save:  # the lowest bit goes in as a carry
            total = (self.sum + Cat(C(1, 1), early.bias).as_signed()) >> 1
        m.d.sync += biased.eq(total)
        m.d.comb += self.parameters.negative.eq(biased < 0)
        form = delayed(m, early.form, 1, name="form")
        steps, far, below = self._shifted(m, biased, form)

        # Add the offset. Its lowest bits are part of no sum.
        high = delayed(m, early.offset_high, self.wait + 1, name="offset_high")
        offset = Cat(self.parameters.offset.low, high)
        fraction = LEAST_FRACTION_BITS - OFFSET_DROPPED_BITS
        dividend = Signal(signed(len(steps) + 1), reset_less=True)
        low_part = Signal(fraction, reset_less=True)
        outside, under = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            dividend.eq(steps + offset[fraction:]),
            low_part.eq(offset[:fraction]),
            outside.eq(far),
            under.eq(below),
        ]

        # A bit of the quotient a stage. A dividend that is out of range at the start
        # saturates the result.
        inverted = Cat(
            self.parameters.late.divisor_low,
            delayed(m, early.divisor_high, self.wait + 2, name="divisor_high"),
        )
        m.submodules.first = stage = _DivisionStage(first=True, family=self.family)
        out = outside | (dividend[DIVISOR_BITS:] != 0)
        m.d.comb += [
            stage.i.remainder.eq(dividend[:DIVISOR_BITS]),
            stage.i.rest.eq(low_part << CODE_BITS - fraction),
            stage.i.rest[0].eq(~Mux(outside, under, dividend < 0)),
            stage.i.operand.eq(inverted),
            stage.i.tie.eq(delayed(m, early.tie, self.wait + 2, name="tie")),
            stage.i.out.eq(out),
        ]
        for index in range(1, CODE_BITS):
            after = _DivisionStage(first=False, family=self.family)
            m.submodules[f"stage_{index}"] = after
            m.d.comb += after.i.eq(stage.o)
            stage = after

        # Round ties, and saturate. The last remainder is that of the division, less the divisor if
        # the quotient is even: all that are close to a tie begin with equal bits.
        last, close = stage.o, stage.o.remainder[TIE_BITS:]
        quotient, tie = Signal(CODE_BITS, reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            quotient.eq(Mux(last.out, last.rest[-1].replicate(CODE_BITS), last.rest)),
            tie.eq(last.tie & ~last.out & (close == self.tie_parity.replicate(len(close)))),
        ]
        m.d.comb += self.o.eq(quotient ^ tie)
        return m

    def _shifted(self, m, biased, form):
        """A biased sum in units of a channel's form, when its offset has come, and whether it is
        too far from 0 for any offset to bring it into the range of codes, and below 0.

        Bits are shifted in front of the registers that it waits in, which have cells to spare.
        """
        value = Signal(signed(_REMAINDER_BITS), name="in_form")
        m.d.comb += value.eq(biased)
        far, levels = C(0, 1), list(enumerate(FORM_SHIFTS))[::-1]
        for cycle in range(self.wait):
            for bit, shift in levels[cycle :: self.wait]:
                lost = value[-1 - shift :]
                far = far | (form[bit] & lost.any() & ~lost.all())
                moved = Cat(C(0, shift), value)[:_REMAINDER_BITS]
                value = Mux(form[bit], moved, value)[:_REMAINDER_BITS]
            value = delayed(m, value, 1, name=f"in_form_{cycle}")
            far, form = (
                delayed(m, v, 1, name=f"{n}_{cycle}") for n, v in (("far", far), ("form", form))
            )
        below = delayed(m, self.parameters.negative, self.wait, name="below")
        return value.as_signed(), far, below


_stage_layout = data.StructLayout(
    {
        "remainder": signed(_REMAINDER_BITS),
        "rest": CODE_BITS,  # bits of the dividend that are left, above those of the quotient
        "operand": DIVISOR_BITS,  # minus the divisor in one's complement, or the divisor
        "tie": 1,
        "out": 1,  # saturated: the first bit of the quotient stands for all
    }
)


class _DivisionStage(wiring.Component):
    """One step of a non-restoring division: add the divisor to a negative remainder, else subtract.

    An iCE40's carry takes its operands as they come, so the inversion that makes a subtraction
    would cost a second cell a bit. It is done a stage ahead instead, in front of the registers that
    carry the divisor along anyway. On an ECP5 that would be late, after the sum's sign, and the
    inversion is done where it is needed.
    """

    def __init__(self, *, first: bool, family: Family):
        self.first = first
        self.inverts_ahead = family != "ecp5"
        super().__init__({"i": In(_stage_layout), "o": Out(_stage_layout)})

    def elaborate(self, platform):
        m = Module()
        registers = Signal(_stage_layout, reset_less=True)
        m.d.comb += self.o.eq(registers)

        # The quotient's bit before is the remainder's sign, inverted as the carry needs it, unless
        # the result is saturated.
        subtracts = C(1, 1) if self.first else self.i.rest[0]
        operand = self.i.operand
        if not self.inverts_ahead:
            operand = operand ^ (~subtracts).replicate(DIVISOR_BITS)
        # The lowest bits only make the carry that completes a two's complement.
        partial = Cat(C(1, 1), self.i.rest[-1], self.i.remainder)[: _REMAINDER_BITS + 1]
        total = Signal(_REMAINDER_BITS + 1)
        m.d.comb += total.eq(partial + Cat(subtracts, operand, subtracts))
        total_negative = total[-1]

        # A dividend of 256 divisors and more has quotients of ones only, and remainders that grow.
        # They have overflowed once a positive one that has its upper bit becomes negative.
        overflow = total_negative & self.i.remainder[-2] & subtracts
        bit, rest = ~total_negative, self.i.rest[:-1]
        if self.first:
            bit = Mux(self.i.out, self.i.rest[0], bit | overflow)
            rest = Cat(C(0, 1), rest[1:])
        following = self.i.operand
        if self.inverts_ahead:
            following = following ^ (~subtracts ^ total_negative).replicate(DIVISOR_BITS)
        m.d.sync += [
            registers.remainder.eq(total[1:].as_signed()),
            registers.rest.eq(Cat(bit, rest)),
            registers.operand.eq(following),
            registers.tie.eq(self.i.tie),
            registers.out.eq(self.i.out | overflow),
        ]
        return m
