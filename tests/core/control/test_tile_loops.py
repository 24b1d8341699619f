"""The tile loops walk a layer as plain Python does, and no tile waits longer than it must."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.control.tile_loops import TileLoops
from accel.isa import Isa
from tests.support.in_turn import in_turn
from tests.support.rtl.layers import is_outside, positions, random_fields, taps
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [
    (2, 2, 2),
    (3, 5, 1),
    (4, 4, 1),
    (4, 8, 2),
    (2, 4, 1),
    (4, 4, 4),
    (8, 4, 1),
]  # rows, columns, requantizers
SEEDS = st.integers(0, 1 << 32)


class Layers:
    """Runs layers one after another, their weights loaded and released at random times."""

    def __init__(self, config, seed, *, broadcast, **changes):
        self.config, self.isa, self.dut = config, Isa(config), TileLoops(config)
        self.rng = random.Random(seed)
        self.broadcast = broadcast
        self.changes = changes  # of random fields
        simulate(self.dut, self._bench, cycles=50_000)

    async def _bench(self, ctx):
        for _ in range(3):
            fields = random_fields(self.isa, self.rng, broadcast=self.broadcast)
            await self._layer(ctx, fields | self.changes)

    async def _layer(self, ctx, f):
        """Every cycle of a layer, and some after it, beside what plain Python expects."""
        dut, rng = self.dut, self.rng
        tiles = list(self._tiles(f))
        ctx.set(dut.layer.descriptor, f)
        ctx.set(dut.layer.start, 1)
        await ctx.tick()
        ctx.set(dut.layer.start, 0)
        ready, group, loaded, loads = 0, 0, 0, rng.randint(0, 30)
        release = {}  # time by half
        stage_1, stage_2, free, spaced = None, None, 0, 0
        drained = self.config.tile_cycles(f["residual"])
        after = drained + 4  # no layer begins earlier after another's last tile
        current, index = None, 0  # the tile in progress and the step within
        period = math.gcd(self.config.rows, self.config.columns) // self.config.requantizers
        period *= self.config.pace
        for time in range(20_000):
            # The sequencer: a half is released some time after its group, then filled again, which
            # takes a while.
            for half in [half for half, due in release.items() if due == time]:
                ready &= ~(1 << half)
                del release[half]
                loads = max(loads, 2)
            if loads == 0 and loaded <= f["groups_less_one"] and not ready >> (loaded & 1) & 1:
                ready |= 1 << (loaded & 1)
                loaded += 1 if not f["shared"] else 1 << 20
                loads = rng.choice([0, 3, 40])
            loads = max(0, loads - 1)
            ctx.set(dut.tiles.ready, ready)

            # Reads follow their steps.
            assert ctx.get(dut.read.coming) == (current is not None)
            if stage_1 is not None and stage_1["address"] is not None:
                assert ctx.get(dut.read.address) == stage_1["address"]
            if stage_2 is not None and stage_2["address"] is not None:
                assert ctx.get(dut.outside) == stage_2["outside"]
            stage_2, stage_1 = stage_1, None

            step, group_ends = ctx.get(dut.step), False
            assert step.valid == (current is not None and not current["reads"][index]["idle"])
            pausing = current is None
            if current is not None:
                stage_1 = current["reads"][index]
                index += 1
                last = index == len(current["reads"])
                assert (step.first, step.last) == (index == 1, last)
                assert step.half == current["half"]
                if not self.broadcast:
                    assert ctx.get(dut.slot) == (index - 1) % self.config.rows
                if last:
                    group_ends = current["group_last"]
                    assert step.group_last == group_ends
                    if current["group_last"]:
                        group += 1
                        if not f["shared"]:
                            release[current["half"]] = time + rng.choice([1, 2, 10, 60])
                    current, free = None, time

            # A tile begins as early as it may, and whoever keeps it waiting is told. After a group
            # there is a pause of a cycle; with a residual operand a tile waits for its period.
            weights = bool(tiles) and group >= loaded
            in_phase = not f["residual"] or time % period == 0
            drain = bool(tiles) and not weights and (time < spaced or not in_phase)
            waiting = (ctx.get(dut.tiles.waiting_weights), ctx.get(dut.tiles.waiting_drain))
            assert waiting == ((weights, drain) if pausing else (0, 0))
            if tiles and current is None and not weights and not drain and not group_ends:
                current, index = tiles.pop(0), 0
                spaced = time + drained
            await ctx.tick()
            if not tiles and current is None and not release and time > free + after:
                break
        else:
            raise AssertionError("the layer did not end")

    def _tiles(self, f):
        """The tiles of a layer in order, and what each cycle of them reads."""
        rows, blocks = self.config.rows, list(taps(f))
        mask = (1 << self.isa.address_bits) - 1
        for group in range(f["groups_less_one"] + 1):
            places = positions(f, group)
            for first in range(0, len(places), rows):
                tile = places[first : first + rows]
                reads = []
                for offset, inner, outer in blocks:
                    idle = self.broadcast and -inner < rows - f.get("stride2_skip", 0)
                    for row in range(1 if self.broadcast else rows):
                        # What rows after the last position read is of no concern.
                        read = {"address": None, "outside": None, "idle": idle}
                        if row < len(tile):
                            address, x, y = tile[row]
                            read["address"] = address + offset & mask
                            read["outside"] = is_outside(f, x + inner, y + outer)
                        reads.append(read)
                yield {
                    "reads": reads,
                    "half": 0 if f["shared"] else group & 1,
                    "group_last": first + rows >= len(places),
                }


@pytest.mark.parametrize("broadcast", [False, True], ids=["dense", "broadcast"])
@pytest.mark.parametrize(
    ("rows", "columns", "requantizers", "family"), in_turn(SIZES, ("generic", "ecp5"))
)
@settings(UNSHRUNK, max_examples=4)
@given(seed=SEEDS)
def test_layers_are_walked_exactly_and_tiles_begin_as_early_as_they_may(
    rows, columns, requantizers, broadcast, family, seed
):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    Layers(config, seed, broadcast=broadcast)


@pytest.mark.parametrize("stride2_skip", [0, 1])
@pytest.mark.parametrize(("rows", "columns", "requantizers"), [(2, 4, 2), (4, 8, 4), (8, 16, 8)])
@settings(UNSHRUNK, max_examples=4)
@given(tiles=st.integers(1, 2), groups=st.integers(1, 2), seed=SEEDS)
def test_the_shortest_tiles_have_as_many_steps_as_there_are_rows(
    rows, columns, requantizers, stride2_skip, tiles, groups, seed
):
    """One run of taps and one of positions: nothing else is in a tile or in a layer."""
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family="ecp5")
    shape = {"run": tiles * rows, "runs": 1, "groups": groups, "inner_taps": rows, "outer_taps": 1}
    counts = {f"{name}_less_one": count - 1 for name, count in shape.items()}
    origin = {"inner_origin": rows, "outer_origin": 1}
    Layers(config, seed, broadcast=True, stride2_skip=stride2_skip, **counts, **origin)
