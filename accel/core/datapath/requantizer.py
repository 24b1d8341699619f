"""From a sum to a result: a division by a constant, one a cycle."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...isa import Isa
from ...numeric.division.division import (
    BIAS_BITS,
    COARSE_FRACTION_BITS,
    DIVISOR_BITS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    TIE_BITS,
)
from ..primitives import dual_port
from ..primitives.family import Family
from ..signals import delayed
from ..signatures import ParameterPort

CODE_BITS = 8
BIASED_CYCLES = 1  # from a sum to the biased sum
TOTAL_BITS = 32  # of a sum with one that was kept
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
    later, and ``parameters.late`` and ``parameters.offset`` as many cycles after that as a
    `ParameterTable` takes.

    Members
    -------
    sum : In(signed(sum_bits)), or of 32 bits with ``wide``
        A raw sum. With ``carry_save`` it has one bit more, at the bottom: it counts halves, and is
        rounded up.
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
        self.biased_bits = TOTAL_BITS if wide else BIAS_BITS
        bits = TOTAL_BITS if wide else isa.config.sum_bits + carry_save
        super().__init__(
            {
                **({"biased": Out(signed(TOTAL_BITS))} if wide else {}),
                "sum": In(signed(bits)),
                "parameters": Out(ParameterPort(isa)),
                "tie_parity": In(1),
                "o": Out(CODE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()

        # Add the bias, and wait for the offset that goes with the sign.
        biased = Signal(signed(self.biased_bits), reset_less=True)
        if self.biased_bits == TOTAL_BITS:
            m.d.comb += self.biased.eq(biased)
        coarse, tie = Signal(reset_less=True), Signal(reset_less=True)
        total = self.sum + self.parameters.early.bias
        if self.carry_save:  # the lowest bit goes in as a carry
            total = (self.sum + Cat(C(1, 1), self.parameters.early.bias).as_signed()) >> 1
        m.d.sync += [
            biased.eq(total),
            coarse.eq(self.parameters.early.coarse),
            tie.eq(self.parameters.early.tie),
        ]
        m.d.comb += self.parameters.negative.eq(biased < 0)
        # The dividend has the coarse fraction as its least step that is added to. It is shifted in
        # front of the wait, whose registers have cells to spare.
        fine = Cat(C(0, FRACTION_BITS - COARSE_FRACTION_BITS), biased)
        steps = Signal(signed(self.biased_bits + FRACTION_BITS - COARSE_FRACTION_BITS))
        m.d.comb += steps.eq(Mux(coarse, biased, fine.as_signed()))
        steps = delayed(m, steps, self.wait, name="steps")
        tie = delayed(m, tie, self.wait + 1, name="tie")

        offset = Signal(OFFSET_BITS)
        dividend = Signal(signed(self.biased_bits + FRACTION_BITS + 1), reset_less=True)
        divisor = Signal(_REMAINDER_BITS, reset_less=True)
        lowest = Mux(steps < 0, self.parameters.late.low_negative, self.parameters.late.low)
        m.d.comb += offset.eq(Cat(lowest, self.parameters.offset.high) << OFFSET_DROPPED_BITS)
        low_part = offset[:COARSE_FRACTION_BITS]
        high_part = steps + offset[COARSE_FRACTION_BITS:]
        m.d.sync += [
            dividend.eq(Cat(low_part, high_part)),
            divisor.eq(~Cat(self.parameters.late.divisor, C(0, 1))),
        ]

        # A bit of the quotient a stage. A dividend that is out of range at the start
        # saturates the result.
        m.submodules.first = stage = _DivisionStage(first=True, family=self.family)
        quotient_range = dividend >> OFFSET_BITS
        m.d.comb += [
            stage.i.remainder.eq(dividend[CODE_BITS:OFFSET_BITS]),
            stage.i.rest.eq(dividend[:CODE_BITS]),
            stage.i.operand.eq(divisor),
            stage.i.tie.eq(tie),
            stage.i.under.eq(dividend < 0),
            stage.i.over.eq((dividend >= 0) & (quotient_range != 0)),
        ]
        for index in range(1, CODE_BITS):
            after = _DivisionStage(first=False, family=self.family)
            m.submodules[f"stage_{index}"] = after
            m.d.comb += after.i.eq(stage.o)
            stage = after

        # Round ties, and saturate. The last remainder is that of the division, less the divisor if
        # the quotient is even: all that are close to a tie begin with equal bits.
        last, close = stage.o, stage.o.remainder[TIE_BITS:]
        tie = last.tie & (close == self.tie_parity.replicate(len(close)))
        result = Mux(last.under, 0, Mux(last.over, (1 << CODE_BITS) - 1, last.rest ^ tie))
        m.d.sync += self.o.eq(result)
        return m


_stage_layout = data.StructLayout(
    {
        "remainder": signed(_REMAINDER_BITS),
        "rest": CODE_BITS,  # bits of the dividend that are left, above those of the quotient
        "operand": _REMAINDER_BITS,  # minus the divisor in one's complement, or the divisor
        "tie": 1,
        "under": 1,
        "over": 1,
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

        # The lowest bits only make the carry that completes a two's complement.
        negative = self.i.remainder[-1]
        operand = self.i.operand
        if not self.inverts_ahead:
            operand = operand ^ negative.replicate(_REMAINDER_BITS)
        partial = Cat(C(1, 1), self.i.rest[-1], self.i.remainder)[: _REMAINDER_BITS + 1]
        total = Signal(_REMAINDER_BITS + 1)
        m.d.comb += total.eq(partial + Cat(~negative, operand))
        total_negative = total[-1]

        too_large = 0
        if self.first:
            too_large = ~(self.i.remainder + self.i.operand.as_signed() + 1)[_REMAINDER_BITS - 1]
        following = self.i.operand
        if self.inverts_ahead:
            following = following ^ (negative ^ total_negative).replicate(_REMAINDER_BITS)
        m.d.sync += [
            registers.remainder.eq(total[1:].as_signed()),
            registers.rest.eq(Cat(~total_negative, self.i.rest[:-1])),
            registers.operand.eq(following),
            registers.tie.eq(self.i.tie),
            registers.under.eq(self.i.under),
            registers.over.eq(self.i.over | too_large),
        ]
        return m
