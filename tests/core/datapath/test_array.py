"""The array multiplies matrices: each element's sum is exact, complete and marked in its cycle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath.array import SystolicArray
from tests.support.in_turn import in_turn
from tests.support.rtl.datapaths import cores, name
from tests.support.rtl.simulation import UNSHRUNK, simulate

IDLE = {"valid": 0, "first": 0, "last": 0, "half": 0, "group_last": 0}


def operands(rng, config, depth):
    """Activations ``[depth, rows, columns]`` and codes ``[depth, columns]`` of one tile."""
    number = config.number_format
    half = 1 << number.activation_bits - 1
    # Columns so far apart have the same activation.
    a = rng.integers(-half, half, (depth, config.rows, config.rows))
    a = a[..., np.arange(config.columns) % config.rows]
    return a, rng.choice(number.codes, (depth, config.columns))


class Run:
    """Drives tiles through an array; ``None`` is a cycle without a step. Garbage fills the rest.

    ``pauses`` is how often such a cycle comes within a tile.
    """

    def __init__(self, config, tiles, seed=0, pauses=0.0):
        self.dut = SystolicArray(config, simulate=True)
        self.config = config
        self.rng = np.random.default_rng(seed)
        self.pauses = pauses
        self.steps, self.expected = [], {}
        for tile in tiles:
            self._add_tile(tile) if tile else self._add_idle()
        for _ in range(config.rows + self.dut.latency + 1):
            self._add_idle()
        self.seen, self.marks = {}, {}
        simulate(self.dut, self._bench)

    def _add_idle(self, last=0):
        # Without `valid` the other marks mean nothing, but for the last step.
        marks = {name: int(self.rng.integers(2)) for name in IDLE} | {"valid": 0, "last": last}
        a, w = operands(self.rng, self.config, 1)
        self.steps.append((marks, a[0], w[0]))

    def _add_tile(self, tile):
        a, w = tile
        # The last step of a tile may have no products.
        ends = self.rng.random() < self.pauses
        for k in range(len(a)):
            while k and self.rng.random() < self.pauses:
                self._add_idle()
            marks = {
                "valid": 1,
                "first": int(k == 0),
                "last": int(k == len(a) - 1 and not ends),
                "half": int(self.rng.integers(2)),
                "group_last": int(self.rng.integers(2)),
            }
            self.steps.append((marks, a[k], w[k]))
        if ends:
            self._add_idle(last=1)
        sums = self.config.number_format.product(a, w[:, None, :]).sum(axis=0)
        for r in range(self.config.rows):
            time = len(self.steps) - 1 + self.dut.latency + r
            self.expected[time, r] = sums[r].tolist()

    async def _bench(self, ctx):
        dut, rows, columns = self.dut, self.config.rows, self.config.columns
        for time, (marks, _, weights) in enumerate(self.steps):
            ctx.set(dut.step, marks)
            ctx.set(dut.weights, weights.tolist())
            # Row r is r cycles behind row 0.
            late = [self.steps[max(0, time - r)][1][r] for r in range(rows)]
            ctx.set(dut.activations, np.concatenate(late).tolist())
            sums, finished = ctx.get(dut.sums), ctx.get(dut.finished)
            every = (1 << dut.groups) - 1
            for r in range(rows):
                groups = finished >> r * dut.groups & every
                assert groups in (0, every)
                if groups:
                    found = [sums[r * columns + c] for c in range(columns)]
                    self.seen[time, r] = [s + 1 >> 1 for s in found] if dut.carry_save else found
            if finished & 1:
                step = ctx.get(dut.finished_step)
                self.marks[time] = {name: step[name] for name in IDLE}
            await ctx.tick()

    def check(self):
        assert self.seen == self.expected
        latency = self.dut.latency
        assert self.marks == {
            time: self.steps[time - latency][0] for time, row in self.expected if row == 0
        }


@pytest.mark.parametrize(
    ("rows", "columns", "family"),
    in_turn([(2, 1), (2, 2), (3, 5), (4, 4), (8, 4)], FAMILIES),
)
@settings(UNSHRUNK, max_examples=6)
@given(
    depths=st.lists(st.integers(0, 9), min_size=1, max_size=8),
    seed=st.integers(0, 1 << 32),
)
def test_sums_are_matrix_products_whatever_the_tiles_and_pauses(
    rows, columns, family, depths, seed
):
    config = AcceleratorConfig(rows=rows, columns=columns, family=family)
    rng = np.random.default_rng(seed)
    tiles = [operands(rng, config, depth) if depth else None for depth in depths]
    Run(config, tiles, seed, pauses=0.2).check()


@pytest.mark.parametrize("config", cores(), ids=name)
def test_every_element_and_format_accumulates_exactly(config):
    rng = np.random.default_rng(5)
    Run(config, [operands(rng, config, 20) for _ in range(3)]).check()


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_sum_may_fill_the_accumulator(sign):
    config = AcceleratorConfig(rows=2, columns=2, sum_bits=20)
    depth = (1 << 19) // (128 * 127) if sign < 0 else ((1 << 19) - 1) // (128 * 128)
    weight = 127 if sign < 0 else -128
    a, w = np.full((depth, 2, 2), -128), np.full((depth, 2), weight)
    limit = 1 << config.sum_bits - 1
    assert limit - (1 << 15) < abs(int((a * w[:, None]).sum(axis=0)[0, 0])) <= limit
    Run(config, [(a, w), (-1 - a, w), (a, w)]).check()


@pytest.mark.parametrize("depth", [1, 2])
def test_tiles_of_a_step_or_two_follow_each_other_without_a_pause(depth):
    config = AcceleratorConfig()
    rng = np.random.default_rng(depth)
    Run(config, [operands(rng, config, depth) for _ in range(20)]).check()
