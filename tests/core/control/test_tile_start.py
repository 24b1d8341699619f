"""Tiles begin group by group, when the group's half is full and the spacing allows it."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.control.tile_start import TileStart
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize("seed", range(6))
def test_every_group_has_its_tiles_and_its_half(seed, shared):
    dut, rng = TileStart(AcceleratorConfig()), random.Random(seed)
    groups = [rng.randint(1, 4) for _ in range(rng.randint(1, 5))]  # tiles of each
    seen, passed = [], []

    async def bench(ctx):
        ctx.set(dut.layer.descriptor.groups_less_one, len(groups) - 1)
        ctx.set(dut.layer.descriptor.shared, shared)
        ctx.set(dut.layer.start, 1)
        await ctx.tick()
        ctx.set(dut.layer.start, 0)
        ready, left, group, tile = 0, 0, 0, 0
        release = {}  # cycles until the drain releases a half that is used up
        for _ in range(900):
            busy, half = ctx.get(dut.tiles.busy), ctx.get(dut.half)
            if busy and not left:  # a tile has begun
                left = rng.randint(2, 6)
                tile += 1
                assert ready >> half & 1 and half not in release
                seen.append((group, half))
            last = left == 1
            ended = last and tile == groups[group]
            ctx.set(dut.tile_last, last)
            ctx.set(dut.exhausted, ended)
            ctx.set(dut.open, rng.random() < 0.5 if not busy else 1)
            release = {h: cycles - 1 for h, cycles in release.items()}
            for used in [h for h, cycles in release.items() if cycles < 0]:
                ready &= ~(1 << used)
                del release[used]
            if rng.random() < 0.2:
                ready |= 1 << rng.randrange(2)
            ctx.set(dut.tiles.ready, ready)
            waits = ctx.get(dut.tiles.waiting_weights), ctx.get(dut.tiles.waiting_drain)
            assert not (busy and any(waits))
            assert sum(waits) < 2
            left = max(0, left - 1)
            passed.append(ctx.get(dut.group_passed))
            await ctx.tick()
            if ended:
                # The half counts as used up although the drain has not released it yet.
                release |= {} if shared else {half: rng.randrange(1, 30)}
                group, tile = group + 1, 0
                assert not ctx.get(dut.tiles.busy)
                if group == len(groups):
                    break
        ctx.set(dut.tile_last, 0)
        for _ in range(9):
            assert not ctx.get(dut.begin)
            passed.append(ctx.get(dut.group_passed))
            await ctx.tick()

    simulate(dut, bench)
    halves = [0 if shared else group & 1 for group in range(len(groups))]
    assert seen == [(g, halves[g]) for g, tiles in enumerate(groups) for _ in range(tiles)]
    assert sum(passed) == len(groups)
