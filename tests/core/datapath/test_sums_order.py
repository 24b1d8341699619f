"""Each sum of a tile is read, leaves the array and is written in the cycles and at the places that
are published."""

import random

import pytest

from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.ir.kept_sums import sums_order
from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath import post_op
from accel.core.datapath.result_unit import KEPT_CYCLES, residual_lead, total_lead
from accel.core.datapath.sums_order import SumsOrder, sums_timing
from accel.core.primitives import memory
from tests.support.rtl.simulation import simulate

SHAPES = [  # rows, columns, requantizers
    *((4, 4, 1), (4, 4, 4), (8, 16, 8), (8, 8, 1), (2, 4, 2), (3, 5, 1), (12, 4, 4), (6, 9, 3)),
]
TILES = 3


def places(config):
    """Word and lane of each word of the sums of some tiles, in the order of the drain."""
    f = Descriptor(
        run=TILES * config.rows,
        columns=config.columns,
        last_columns=config.columns,
        broadcast_rows=config.broadcast_rows,
        last_broadcast_rows=config.broadcast_rows,
    )
    together, width = config.requantizers, config.sums_in_word
    data = sums_order(f, config).bytes.reshape(TILES, config.drain_cycles, 4 * together)
    firsts = data[..., ::width]
    return firsts // config.rows, firsts % config.rows // width


@pytest.mark.parametrize(("keep", "add"), [(1, 0), (1, 1), (0, 1)])
@pytest.mark.parametrize("family", ["ice40up", "ecp5"])
@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_sums_are_read_and_written_where_they_lie(rows, columns, requantizers, family, keep, add):
    config = AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, family=family, weight_steps=768
    )
    dut, rng = SumsOrder(config), random.Random(rows)
    timing, pace, base = dut.timing, config.sums_pace, 2
    words, lanes = places(config)
    expected, loads = {}, set()
    finished, time = [], 5
    for tile in range(TILES):
        finished.append(time)
        for emission in range(config.drain_cycles):
            begun = time + 1 + emission * pace
            expected.setdefault(begun + timing.emission - 1, set()).add("emit")
            loads.add(begun + timing.biased)
            for index in range(config.sum_words):
                word = int(words[tile, emission, index]) + base * config.sums_tile_words
                at = word, int(lanes[tile, emission, index])
                if add:
                    expected.setdefault(begun + index, set()).add(("read", *at))
                if keep:
                    cycle = begun + timing.write - 1 + index
                    expected.setdefault(cycle, set()).add(("write", *at))
        time += config.tile_cycles(0, 1) + rng.randrange(3)

    async def bench(ctx):
        fields = {"keep_sums": keep, "add_sums": add, "sums_base": base}
        ctx.set(dut.layer.descriptor, fields)
        ctx.set(dut.layer.start, 1)
        await ctx.tick()
        ctx.set(dut.layer.start, 0)
        emitted = 0
        for cycle in range(1, time + 5):
            ctx.set(dut.finished, cycle in finished)
            emitted = 0 if cycle in finished else emitted
            seen = set()
            if ctx.get(dut.emit_next) and emitted < config.drain_cycles:
                seen.add("emit")  # the drain ends by itself
                emitted += 1
            for name, port in (("read", dut.read_next), ("write", dut.write_next)):
                if ctx.get(port):
                    seen.add((name, ctx.get(dut.address), ctx.get(dut.lane)))
            assert seen == expected.get(cycle, set()), cycle
            assert ctx.get(dut.load) or cycle not in loads
            await ctx.tick()

    simulate(dut, bench)


def test_layers_without_such_sums_read_and_write_none():
    dut = SumsOrder(AcceleratorConfig())

    async def bench(ctx):
        ctx.set(dut.finished, 1)
        await ctx.tick()
        ctx.set(dut.finished, 0)
        for _ in range(80):
            assert not ctx.get(dut.read_next) and not ctx.get(dut.write_next)
            await ctx.tick()

    simulate(dut, bench)


ALL_SHAPES = [
    (rows, columns, requantizers)
    for requantizers in range(1, 33)
    for rows in range(2, 33)
    for columns in (requantizers, 2 * requantizers, 12 * requantizers)
    if rows % requantizers == 0 and columns <= 64
]


def configurations(family):
    for rows, columns, requantizers in ALL_SHAPES:
        config = AcceleratorConfig().replace(
            rows=rows, columns=columns, requantizers=requantizers, family=family
        )
        if config.keeps_sums:
            yield config


@pytest.mark.parametrize("family", FAMILIES)
def test_reads_writes_of_sums_and_writes_of_codes_have_cycles_of_their_own(family):
    assert sum(1 for _ in configurations(family)) > 100
    for config in configurations(family):
        timing, pace, words = sums_timing(config), config.sums_pace, config.sum_words
        arrived = words + memory.latency_of(family) + 1
        code = timing.emission + residual_lead(config) + post_op.latency_of(config) + 1
        reads = {cycle % pace for cycle in range(1, words + 1)}
        writes = {cycle % pace for cycle in range(timing.write, timing.write + words)}
        assert len(reads) == len(writes) == words
        assert not reads & (writes | {code % pace})
        # Sums are added when all of their words have come, and those of the next ones have not.
        added = timing.emission + KEPT_CYCLES
        assert arrived <= added < pace + memory.latency_of(family) + 2
        assert timing.biased == timing.emission + total_lead(config) + 1
        # They are written before others are there, and before the layer ends.
        assert timing.biased < timing.write
        assert timing.write + words - 1 <= min(timing.biased + pace, code)


@pytest.mark.parametrize("family", FAMILIES)
def test_tiles_are_so_far_apart_that_no_two_are_in_progress(family):
    for config in configurations(family):
        timing = sums_timing(config)
        last = (config.drain_cycles - 1) * config.sums_pace + timing.emission
        code = last + residual_lead(config) + post_op.latency_of(config) + 1
        assert config.tile_cycles(0, 1) >= code + 1


def test_the_default_core_takes_two_cycles_for_a_sum():
    assert AcceleratorConfig().sums_pace == 2
    assert AcceleratorConfig().tile_cycles(0, 1) == 64
