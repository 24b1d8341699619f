# amaranth: UnusedElaboratable=no
"""The behavioural twins agree with the vendor's cells as Yosys models them.

There are such models of SB_MAC16 and SB_SPRAM256KA. There is none of the ECP5's MULT18X18D, which
Yosys knows as a black box only.
"""

import pytest
from amaranth.hdl import *

from accel.core.primitives.memory import SinglePortMemory
from accel.core.primitives.multiplier import Multiplier


@pytest.mark.parametrize(
    "shapes",
    [(signed(8), signed(8)), (unsigned(8), signed(8)), (unsigned(8), unsigned(8))],
    ids=str,
)
def test_sb_mac16_forms_all_products_like_the_twin(run_side_by_side, shapes):
    def build(m, stimulus):
        operands = Signal(17)
        pair = [
            Multiplier(
                count=2,
                activation_shape=shapes[0],
                weight_shape=shapes[1],
                family="ice40up",
                simulate=simulate,
            )
            for simulate in (False, True)
        ]
        m.submodules.cell, m.submodules.twin = pair
        en = stimulus[:2].any()
        for multiplier in pair:
            m.d.comb += [
                multiplier.en.eq(en),
                multiplier.a[0].eq(operands[:8]),
                multiplier.b[0].eq(operands[8:16]),
                multiplier.a[1].eq(stimulus[8:16]),
                multiplier.b[1].eq(stimulus[16:24]),
            ]
        with m.If(en):
            m.d.sync += operands.eq(operands + 1)
        return pair[0].p.as_value() != pair[1].p.as_value(), operands == (1 << 16) + pair[0].latency

    assert run_side_by_side(build, 200_000) == "done"


def test_sb_spram256ka_reads_writes_and_holds_like_the_twin(run_side_by_side):
    def build(m, stimulus):
        pair = [
            SinglePortMemory(width_bytes=4, depth=32768, family="ice40up", simulate=simulate)
            for simulate in (False, True)
        ]
        m.submodules.cell, m.submodules.twin = pair
        # Few addresses, spread over both stacked blocks, so that reads find what was written.
        address = Cat(stimulus[:3], Const(0, 9), stimulus[3:6])
        mask = Mux(stimulus[6], stimulus[8:12], 0)
        for memory in pair:
            m.d.comb += [
                memory.en.eq(stimulus[13:15].any()),
                memory.address.eq(address),
                memory.write_en.eq(mask),
                memory.write_data.eq(stimulus[32:64]),
            ]
        defined = Signal()
        with m.If(pair[0].en):
            m.d.sync += defined.eq(~mask.any())
        return defined & (pair[0].read_data != pair[1].read_data), Const(0)

    assert run_side_by_side(build, 200_000) == "ran"
