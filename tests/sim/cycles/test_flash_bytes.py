# amaranth: UnusedElaboratable=no
"""The model of a flash's times says in which cycle the reader gives every byte."""

import random

import pytest

from accel.sim.cycles.flash_bytes import ByteTimes
from tests.support.rtl.flash_bench import GAP, FlashBench
from tests.support.rtl.simulation import simulate

READERS = [(data_lines, divider) for data_lines in (1, 2, 4) for divider in (1, 2)]


def pauses(rng, depth):
    """How long someone is not ready before each byte: never, now and then, or for long."""
    kind = rng.choice(["never", "now and then", "often", "for long", "in bursts"])
    while True:
        match kind:
            case "never":
                yield 0
            case "now and then":
                yield rng.choice([0, 0, 0, 1, 2])
            case "often":
                yield rng.randrange(20)
            case "for long":  # all that may be read ahead is there, and the clock has paused
                yield 0 if rng.random() < 0.8 else rng.randrange(depth * 40)
            case "in bursts":
                yield from [rng.randrange(depth * 20), *[0] * rng.randrange(2 * depth)]


async def follow(ctx, bench, times, count, rng):
    """Take bytes; the cycles in which they came, and those in which they should have."""
    port, cycle = bench.reader.o, 1
    real, expected = [], []
    for _, pause in zip(range(count), pauses(rng, times.depth), strict=False):
        expected.append(times.take(cycle + pause))
        for _ in range(pause):
            await ctx.tick()
        cycle += pause
        ctx.set(port.ready, 1)
        while not ctx.get(port.valid):
            await ctx.tick()
            cycle += 1
        real.append(cycle)
        await ctx.tick()
        cycle += 1
        ctx.set(port.ready, 0)
    return real, expected


@pytest.mark.parametrize("depth", [4, 16])
@pytest.mark.parametrize(("data_lines", "divider"), READERS)
def test_every_byte_comes_when_the_model_says_so(data_lines, divider, depth):
    bench = FlashBench(data_lines=data_lines, divider=divider, depth=depth)
    rng = random.Random(10 * data_lines + divider)
    seen = set()

    async def read(ctx):
        await bench.checked(ctx)
        for _ in range(8):
            match rng.randrange(3):  # from rest, from the middle of a read, or from its command
                case 0:
                    await bench.pulse(ctx, bench.reader.stop)
                case 1:
                    await bench.start(ctx, rng.randrange(1000))
            for _ in range(rng.randrange(60)):
                await ctx.tick()
            times = ByteTimes(data_lines=data_lines, divider=divider, depth=depth, gap=GAP)
            await bench.start(ctx, rng.randrange(1000))
            real, expected = await follow(ctx, bench, times, 50, rng)
            assert real == expected
            seen.add(real[-1])

    simulate(bench, read, cycles=100_000)
    assert len(seen) > 3


def test_a_whole_queue_of_the_default_depth_is_read_ahead():
    bench = FlashBench(data_lines=4, depth=512)

    async def read(ctx):
        await bench.checked(ctx)
        await bench.start(ctx, 0)
        times = ByteTimes(data_lines=4, divider=1, gap=GAP)
        cycle, port = 1, bench.reader.o
        for _ in range(1500):
            await ctx.tick()
            cycle += 1
        ctx.set(port.ready, 1)
        for _ in range(700):
            expected = times.take(cycle)
            while not ctx.get(port.valid):
                await ctx.tick()
                cycle += 1
            assert cycle == expected
            await ctx.tick()
            cycle += 1

    simulate(bench, read)


@pytest.mark.parametrize(
    ("data_lines", "divider", "first", "period"),
    [(1, 1, 58, 8), (2, 1, 54, 4), (4, 1, 52, 2), (4, 2, 99, 4)],
)
def test_the_first_byte_and_the_rate_are_what_is_documented(data_lines, divider, first, period):
    times = ByteTimes(data_lines=data_lines, divider=divider)
    assert [times.take(0) for _ in range(3)] == [first + period * k for k in range(3)]


@pytest.mark.parametrize("wrong", [{"data_lines": 3}, {"divider": 3}])
def test_readers_that_cannot_be_have_no_times(wrong):
    with pytest.raises(ValueError, match=r"^Flash must have 1, 2 or 4 data lines"):
        ByteTimes(**({"data_lines": 4, "divider": 1} | wrong))
