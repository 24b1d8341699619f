"""The drain emits each tile's sums once, in order and without a pause, while the next one comes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.datapath.drain import Drain
from tests.support.in_turn import in_turn
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [  # rows, columns, requantizers
    (2, 1, 1),
    (2, 2, 1),
    (2, 2, 2),
    (3, 5, 1),
    (4, 4, 1),
    (4, 4, 2),
    (4, 4, 4),
    (4, 8, 2),
    (4, 8, 4),
    (8, 4, 4),
]


class Run:
    """Tiles that finish at given times, as the array shows them: row ``r`` ``r`` cycles late, for a
    cycle, among garbage."""

    def __init__(self, config, gaps, seed, residual=0):
        self.dut = Drain(config, simulate=True)
        self.every = (1 << self.dut.groups) - 1
        self.config, self.residual = config, residual
        self.pace = config.pace if residual else 1
        self.rng = random.Random(seed)
        self.tiles = {}
        time = 3
        for gap in gaps:
            rows = [[self.sum() for _ in range(config.columns)] for _ in range(config.rows)]
            self.tiles[time] = (rows, self.rng.randrange(2), self.rng.randrange(2))
            time += config.tile_cycles(residual) + gap
        self.cycles = time + 5
        self.seen = []
        simulate(self.dut, self._bench)

    def sum(self):
        half = 1 << self.config.sum_bits - 1
        return self.rng.choice([-half, half - 1, self.rng.randrange(-half, half)])

    async def _bench(self, ctx):
        dut, rows, columns = self.dut, self.config.rows, self.config.columns
        if self.config.pace > 1:
            ctx.set(dut.residual, self.residual)
        for time in range(self.cycles):
            finished, sums = 0, [self.sum() for _ in range(rows * columns)]
            for r in range(rows):
                if time - r in self.tiles:
                    finished |= self.every << r * dut.groups
                    sums[r * columns : (r + 1) * columns] = self.tiles[time - r][0][r]
            ctx.set(dut.finished, finished)
            ctx.set(dut.sums, sums)
            step = {name: self.rng.randrange(2) for name in ("valid", "first", "last")}
            _, half, group_last = self.tiles.get(time, (0, *self.rng.choices((0, 1), k=2)))
            ctx.set(dut.step, step | {"half": half, "group_last": group_last})
            sums = ctx.get(dut.o)
            places = ctx.get(dut.places)
            (where,) = {(place.column, place.half) for place in places}  # the same for all
            where = {"place": where, "release": ctx.get(dut.release)}
            assert not where["release"] or ctx.get(dut.release_half) == where["place"][1]
            emitted = [sums[k] for k in range(self.config.requantizers)]
            self.seen.append((ctx.get(dut.valid), where, emitted))
            await ctx.tick()

    def check(self):
        columns, count = self.config.columns, self.config.requantizers
        expected = {}
        for time, (rows, half, group_last) in self.tiles.items():
            places = [(row, first) for row in rows for first in range(0, columns, count)]
            assert len(places) == self.config.drain_cycles
            for index, (row, first) in enumerate(places):
                last = index == len(places) - 1
                where = {"place": (first // count, half), "release": int(last & group_last)}
                expected[time + 1 + self.pace * index] = (where, row[first : first + count])
        for time, (valid, where, _) in enumerate(self.seen):
            assert valid == (time in expected), time
            if valid:
                assert where == expected[time][0], time
                assert self.seen[time + self.dut.latency][2] == expected[time][1], time
            else:
                assert where["release"] == 0, time


@pytest.mark.parametrize(
    ("rows", "columns", "requantizers", "family"), in_turn(SIZES, ("generic", "ice40up", "ecp5"))
)
@settings(UNSHRUNK, max_examples=5)
@given(
    gaps=st.lists(st.integers(0, 9), min_size=2, max_size=6),
    seed=st.integers(0, 1 << 32),
    residual=st.integers(0, 1),
)
def test_tiles_are_emitted_row_by_row_from_the_cycle_after_the_first_rows_sums(
    rows, columns, requantizers, family, gaps, seed, residual
):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    Run(config, gaps, seed, residual).check()


@pytest.mark.parametrize(
    ("rows", "columns", "requantizers", "family"), in_turn(SIZES, ("generic", "ecp5"))
)
def test_tiles_that_finish_as_fast_as_they_drain_leave_no_pause(
    rows, columns, requantizers, family
):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    run = Run(config, [0] * 6, 7)
    run.check()
    assert sum(valid for valid, _, _ in run.seen) == 6 * config.drain_cycles
