# amaranth: UnusedElaboratable=no
"""The behavioural twins agree with the vendor's cells as Yosys models them.

There are such models of SB_MAC16, SB_SPRAM256KA, SB_LUT4, SB_CARRY and CCU2C. There is none of the
ECP5's MULT18X18D and DP16KD, which Yosys knows as black boxes only. For DP16KD a model of our own,
written after its guide, stands in, so what is proved is how we connect it.
"""

import pytest
from amaranth.hdl import *

from accel.core.primitives.accumulate import BeginOrAdd
from accel.core.primitives.dual_port import DualPortMemory
from accel.core.primitives.ice40 import chosen
from accel.core.primitives.memory import SinglePortMemory
from accel.core.primitives.multiplier import Multiplier
from accel.core.primitives.two_readers import TwoReaders


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


@pytest.mark.parametrize(
    ("width_bytes", "depth"),
    [(2, 1000), (2, 4096), (3, 5120), (2, 6000), (2, 16384), (2, 22528), (2, 40000)],
)
def test_dp16kd_reads_writes_and_holds_like_the_twin(run_side_by_side, width_bytes, depth):
    def build(m, stimulus):
        pair = [
            SinglePortMemory(width_bytes=width_bytes, depth=depth, family="ecp5", simulate=simulate)
            for simulate in (False, True)
        ]
        m.submodules.cell, m.submodules.twin = pair
        high = len(pair[0].address) - 3
        address = Cat(stimulus[:3], Const(0, high - 1), stimulus[3:5])[: high + 3]
        mask = Mux(stimulus[6], stimulus[8 : 8 + width_bytes], 0)
        for memory in pair:
            m.d.comb += [
                memory.en.eq(stimulus[13:15].any()),
                memory.address.eq(address),
                memory.write_en.eq(mask),
                memory.write_data.eq(stimulus[32:]),
            ]
        return _differ(m, pair, [(pair[0].en, ~mask.any())])

    assert run_side_by_side(build, 100_000) == "ran"


@pytest.mark.parametrize("depth", [16, 512, 4096, 32768])
@pytest.mark.parametrize("fan_out", [False, True])
def test_dp16kd_with_two_ports_is_like_the_twin(run_side_by_side, depth, fan_out):
    def build(m, stimulus):
        pair = [
            DualPortMemory(
                part_width=11,
                parts=2,
                depth=depth,
                family="ecp5",
                simulate=simulate,
                fan_out=fan_out,
            )
            for simulate in (False, True)
        ]
        m.submodules.cell, m.submodules.twin = pair
        # What is read lies apart from what is being written.
        turn = Signal(8)
        m.d.sync += turn.eq(turn + 1)
        half, high = turn[-1], len(pair[0].read_address) - 3
        for memory in pair:
            m.d.comb += [
                memory.write_address.eq(Cat(stimulus[:2], stimulus[1].replicate(high), half)),
                memory.write_en.eq(stimulus[8:10]),
                memory.write_data.eq(stimulus[32:48]),
                memory.read_address.eq(Cat(stimulus[16:18], stimulus[17].replicate(high), ~half)),
            ]
        apart = (turn[:-1] > 4 + 2 * fan_out) & (turn[:-1] < 127 - 2 * fan_out)
        return _differ(m, pair, [(Const(1), apart)])

    assert run_side_by_side(build, 100_000) == "ran"


@pytest.mark.parametrize(("part_width", "parts"), [(29, 1), (16, 2), (24, 2)])
def test_a_dp16kd_whose_both_ports_read_is_like_the_twin(run_side_by_side, part_width, parts):
    def build(m, stimulus):
        pair = [
            TwoReaders(
                part_width=part_width, parts=parts, depth=256, family="ecp5", simulate=simulate
            )
            for simulate in (False, True)
        ]
        m.submodules.cell, m.submodules.twin = pair
        # All is written, then read for long, and written anew.
        turn = Signal(12)
        m.d.sync += turn.eq(turn + 1)
        writing = turn < 512
        for memory in pair:
            m.d.comb += [
                memory.write_en.eq(Mux(writing, (1 << parts) - 1, 0)),
                memory.write_address.eq(turn),
                memory.write_data.eq(stimulus),
                memory.read_address_0.eq(stimulus[30:]),
                memory.read_address_1.eq(stimulus[40:]),
            ]
        settled = turn > 512 + 2 * pair[0].latency
        differ = [
            getattr(pair[0], f"read_data_{half}") != getattr(pair[1], f"read_data_{half}")
            for half in range(2)
        ]
        return settled & Cat(differ).any(), Const(0)

    assert run_side_by_side(build, 100_000) == "ran"


@pytest.mark.parametrize("family", ["ecp5", "ice40up"])
@pytest.mark.parametrize("width", [8, 27])
def test_carry_cells_begin_or_add_like_the_twin(run_side_by_side, width, family):
    def build(m, stimulus):
        pair = [BeginOrAdd(width, family=family, simulate=simulate) for simulate in (False, True)]
        m.submodules.cell, m.submodules.twin = pair
        total = Signal(signed(width))
        m.d.sync += total.eq(pair[0].o)
        for adder in pair:
            m.d.comb += [
                adder.begin.eq(stimulus[0]),
                adder.a.eq(total),
                adder.b.eq(stimulus[32:]),
            ]
        return pair[0].o != pair[1].o, Const(0)

    assert run_side_by_side(build, 100_000) == "ran"


def test_a_cell_chooses_like_a_multiplexer(run_side_by_side):
    def build(m, stimulus):
        operands = stimulus[0], stimulus[1:9], stimulus[9:17], stimulus[17:25]
        cells, twin = (
            chosen(m, "cell", *operands, family="ice40up", simulate=simulate)
            for simulate in (False, True)
        )
        differs = Signal()
        m.d.sync += differs.eq(cells != twin)
        return differs, Const(0)

    assert run_side_by_side(build, 10_000) == "ran"


def _differ(m, pair, changes):
    """``read_data`` of the memories, where they are defined."""
    defined = Signal()
    for when, value in changes:
        with m.If(when):
            m.d.sync += defined.eq(value)
    for index in range(1, pair[0].latency):
        stage = Signal(name=f"defined_{index}")
        m.d.sync += stage.eq(defined)
        defined = stage
    return defined & (pair[0].read_data != pair[1].read_data), Const(0)
