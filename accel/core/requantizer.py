"""From a sum to an output code: a division by a constant, one result a cycle."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..isa import Isa
from ..numeric.division import (
    BIAS_BITS,
    COARSE_FRACTION_BITS,
    DIVISOR_BITS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
)

CODE_BITS = 8
_REMAINDER_BITS = DIVISOR_BITS + 1  # of a non-restoring division: -divisor <= remainder < divisor


class Requantizer(wiring.Component):
    """``code + 128 = clamp(((biased << F) + offset) // divisor, low, high)``, exact.

    The rule and its constants are those of `numeric.division.Division`. Latency ``LATENCY`` cycles
    from sum and record to the code, throughput one a cycle, no backpressure.

    Members
    -------
    sum : In(signed(sum_bits)), early : In(Isa.early_record)
        A raw sum and its channel's constants, in the same cycle.
    late : In(Isa.late_record)
        The other constants, a cycle later.
    low, high : In(8)
        Clamp, as codes + 128; stable while a layer runs.
    o : Out(8)
        The code, two's complement.
    """

    BIAS_STAGES = 2  # add the bias, add the offset
    LATENCY = BIAS_STAGES + CODE_BITS + 1

    def __init__(self, isa: Isa):
        self.sum_bits = isa.config.sum_bits
        self.family = isa.config.family
        super().__init__(
            {
                "sum": In(signed(self.sum_bits)),
                "early": In(isa.early_record),
                "late": In(isa.late_record),
                "low": In(CODE_BITS),
                "high": In(CODE_BITS),
                "o": Out(CODE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()

        # Stage 1: bias.
        biased = Signal(signed(BIAS_BITS), reset_less=True)
        coarse = Signal(reset_less=True)
        m.d.sync += [biased.eq(self.sum + self.early.bias), coarse.eq(self.early.coarse)]

        # Stage 2: the dividend. It has the coarse fraction as its least step that is added to.
        shifted = Signal(signed(BIAS_BITS + FRACTION_BITS))
        offset = Signal(OFFSET_BITS)
        dividend = Signal(signed(BIAS_BITS + FRACTION_BITS + 1), reset_less=True)
        s2_operand = Signal(_REMAINDER_BITS, reset_less=True)
        chosen = Mux(biased < 0, self.late.offset_negative, self.late.offset)
        fine = Cat(C(0, FRACTION_BITS - COARSE_FRACTION_BITS), biased)
        m.d.comb += [
            shifted.eq(Mux(coarse, biased, fine.as_signed()) << COARSE_FRACTION_BITS),
            offset.eq(chosen << OFFSET_DROPPED_BITS),
        ]
        low_part = offset[:COARSE_FRACTION_BITS]
        high_part = (shifted >> COARSE_FRACTION_BITS) + offset[COARSE_FRACTION_BITS:]
        m.d.sync += [
            dividend.eq(Cat(low_part, high_part)),
            s2_operand.eq(~Cat(self.late.divisor, C(0, 1))),
        ]

        # Stages 3 to 10: a bit of the quotient each. A dividend that is out of range at the start
        # saturates the result.
        m.submodules.first = stage = _DivisionStage(first=True, family=self.family)
        quotient_range = dividend >> OFFSET_BITS
        m.d.comb += [
            stage.i.remainder.eq(dividend[CODE_BITS:OFFSET_BITS]),
            stage.i.rest.eq(dividend[:CODE_BITS]),
            stage.i.operand.eq(s2_operand),
            stage.i.under.eq(dividend < 0),
            stage.i.over.eq((dividend >= 0) & (quotient_range != 0)),
        ]
        for index in range(1, CODE_BITS):
            after = _DivisionStage(first=False, family=self.family)
            m.submodules[f"stage_{index}"] = after
            m.d.comb += after.i.eq(stage.o)
            stage = after

        # Stage 11: clamp.
        quotient, clamped = stage.o.rest, Signal(CODE_BITS)
        with m.If(~stage.o.under & (stage.o.over | (quotient > self.high))):
            m.d.comb += clamped.eq(self.high)
        with m.Elif(stage.o.under | (quotient < self.low)):
            m.d.comb += clamped.eq(self.low)
        with m.Else():
            m.d.comb += clamped.eq(quotient)
        m.d.sync += self.o.eq(clamped ^ (1 << CODE_BITS - 1))
        return m


_stage_layout = data.StructLayout(
    {
        "remainder": signed(_REMAINDER_BITS),
        "rest": CODE_BITS,  # bits of the dividend that are left, above those of the quotient
        "operand": _REMAINDER_BITS,  # minus the divisor in one's complement, or the divisor
        "under": 1,
        "over": 1,
    }
)


class _DivisionStage(wiring.Component):
    """One step of a non-restoring division: add the divisor to a negative remainder, else subtract.

    An iCE40's carry takes its operands as they come, so the inversion that makes a subtraction
    would cost a second cell a bit. It is done a stage ahead instead, in front of the registers that
    carry the divisor along anyway. On an ECP5 that would be late, behind the sum's sign, and the
    inversion is done where it is needed.
    """

    def __init__(self, *, first: bool, family: str):
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
            registers.under.eq(self.i.under),
            registers.over.eq(self.i.over | too_large),
        ]
        return m
