"""In every core that keeps sums there is a time for each access that meets no other one."""

import pytest

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath import post_op
from accel.core.datapath.result_unit import residual_lead
from accel.core.datapath.sums_timing import sums_timing
from accel.core.primitives import dual_port, memory

SHAPES = [
    (rows, columns, requantizers)
    for requantizers in range(1, 33)
    for rows in range(2, 33)
    for columns in (requantizers, 2 * requantizers, 12 * requantizers)
    if rows % requantizers == 0 and columns <= 64
]


def configurations(family):
    for rows, columns, requantizers in SHAPES:
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
        added = timing.emission + (family == "ecp5")
        assert arrived <= added < pace + memory.latency_of(family) + 2
        assert timing.biased == timing.emission + dual_port.latency_of(family) + 1
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
