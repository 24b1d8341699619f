"""A run ends with its last layer, at its limits, or when it is aborted, and each is told."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.control.run_guard import CLEANING_CYCLES, RunGuard
from accel.protocol import ALL_LAYERS, COUNTER_BITS, LEAST_LIMIT_BITS, NO_LIMIT, Outcome
from tests.support.rtl.simulation import UNSHRUNK, simulate


class Run:
    """A guard with a sequencer of so many layers, a counter of cycles, and what was told."""

    def __init__(self, *, layers=0, limit=NO_LIMIT, program=3, refused=False, start_at=0):
        self.dut = RunGuard(COUNTER_BITS)
        self.layers, self.limit, self.program = layers, limit, program
        self.refused, self.start_at = refused, start_at
        self.layer_cycles, self.abort_after = 20, None
        self.done = self.cleaned = 0

    def run(self, cycles=20_000):
        simulate(self.dut, self._host, background=[self._sequencer], cycles=cycles)
        return self

    async def _host(self, ctx):
        link = self.dut.link
        assert not ctx.get(link.busy)
        ctx.set(link.layers, self.layers)
        ctx.set(link.limit, self.limit)
        ctx.set(link.start, 1)
        await ctx.tick()
        ctx.set(link.start, 0)
        ctx.set(link.layers, 0)
        ctx.set(link.limit, random.Random(1).randrange(16))
        time = 0
        while ctx.get(link.busy):
            ctx.set(link.abort, time == self.abort_after)
            self.cleaned += ctx.get(self.dut.clean)
            await ctx.tick()
            time += 1
        self.took = time
        self.outcome = Outcome(ctx.get(link.outcome))

    async def _sequencer(self, ctx):
        """Is idle from the cycle after its last layer, and where it is reset."""
        dut, host = self.dut, self.dut.host
        ctx.set(host.idle, 1)
        count, layer, left, counts = self.start_at, 0, 0, False
        while True:
            ctx.set(dut.cycles, count)
            ctx.set(host.layer_done, left == 1)
            ctx.set(host.last, layer == self.program - 1)
            stop = ctx.get(host.stop)
            if ctx.get(host.run):
                count, left, layer, counts = 0, self.layer_cycles, 0, not self.refused
                ctx.set(host.refused, self.refused)
                ctx.set(host.idle, self.refused)
                left *= counts
                await ctx.tick()
                continue
            clean = ctx.get(dut.clean)
            await ctx.tick()
            count += counts
            if left == 1:
                self.done += 1
                layer += 1
                left = 0 if stop or layer == self.program else self.layer_cycles + 1
                counts = left > 0
            left = max(0, left - 1)
            if clean:
                left, counts = 0, False
            ctx.set(host.idle, not counts)


def test_a_run_ends_with_its_last_layer():
    run = Run().run()
    assert (run.outcome, run.done) == (Outcome.DONE, 3)
    assert run.cleaned >= CLEANING_CYCLES


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_a_run_ends_with_the_layer_that_the_limit_says(layers):
    run = Run(layers=layers).run()
    assert run.done == min(layers, 3)
    assert run.outcome == (Outcome.LAYERS if layers < 3 else Outcome.DONE)
    assert run.cleaned >= CLEANING_CYCLES


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("start_at", [0, 1 << LEAST_LIMIT_BITS, (1 << COUNTER_BITS) - 1])
def test_a_run_ends_when_its_cycles_come_to_the_limit(limit, start_at):
    """Whatever the counter held before it was cleared."""
    run = Run(limit=limit, program=10**6, start_at=start_at).run()
    assert run.outcome == Outcome.CYCLES
    assert run.cleaned >= CLEANING_CYCLES
    assert 0 <= run.took - CLEANING_CYCLES - (1 << LEAST_LIMIT_BITS + limit) < 20


def test_a_run_below_its_limit_is_not_ended():
    run = Run(limit=0, program=190, start_at=1 << LEAST_LIMIT_BITS).run()
    assert (run.outcome, run.done) == (Outcome.DONE, 190)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 57, 61, 62])
def test_an_abort_ends_a_run_at_once(after):
    run = Run(program=10**6)
    run.abort_after = after
    run.run()
    assert run.outcome == Outcome.ABORTED
    assert run.cleaned >= CLEANING_CYCLES
    assert run.took < after + CLEANING_CYCLES + 9


@pytest.mark.parametrize("layers", [0, 1, 2, 14, ALL_LAYERS])
def test_as_many_layers_share_memory_as_the_run_says(layers):
    run, shared = Run(program=20), []
    host = run._host

    async def sharing(ctx):
        ctx.set(run.dut.link.shared_layers, layers)
        ctx.set(run.dut.link.share, 2)
        await host(ctx)

    async def watch(ctx):
        ports = run.dut.host.run, run.dut.host.layer_done, run.dut.share
        async for *_, begins, ends, share in ctx.tick().sample(*ports):
            if begins or ends:  # within a layer it does not change
                shared.append(share)

    simulate(run.dut, sharing, background=[run._sequencer, watch], cycles=5000)
    count = 20 if layers == ALL_LAYERS else layers
    # As it was when the run began, and at the end of each layer
    assert shared[1:] == [2] * count + [0] * (20 - count)


@settings(UNSHRUNK, max_examples=20)
@given(seed=st.integers(0, 1 << 32))
def test_places_are_free_as_layers_release_them_and_the_host_takes_them(seed):
    """And always while nothing runs."""
    rng, run, free = random.Random(seed), Run(program=40), 0

    async def take(ctx):
        nonlocal free
        link, port = run.dut.link, run.dut.host
        while True:
            takes = ctx.get(link.busy) and free > 0 and rng.random() < 0.05
            ctx.set(link.take, takes)
            ctx.set(port.release, free < 7 and rng.random() < 0.7)
            *_, begins, ends, released = await ctx.tick().sample(
                link.start, port.layer_done, port.release
            )
            free = 0 if begins else free + (ends and released) - takes
            assert ctx.get(link.free) == (not ctx.get(link.busy) or free > 0)

    simulate(run.dut, run._host, background=[run._sequencer, take], cycles=20_000)
    assert run.done == 40


def test_bands_are_counted_in_and_out_until_a_run_is_ended():
    dut, rng, bands = RunGuard(COUNTER_BITS), random.Random(3), 0

    async def bench(ctx):
        nonlocal bands
        for _ in range(500):
            more, taken = bands < 7 and rng.random() < 0.5, bands > 0 and rng.random() < 0.5
            abort, start = rng.random() < 0.02, rng.random() < 0.02
            ctx.set(dut.link.band, more)
            ctx.set(dut.host.band_taken, taken)
            ctx.set(dut.link.abort, abort)
            ctx.set(dut.link.start, start)
            await ctx.tick()
            bands = 0 if abort else bands + more - taken
            assert ctx.get(dut.host.band) == (bands > 0)

    simulate(dut, bench)


def test_a_run_that_the_sequencer_refuses_is_told():
    run = Run(refused=True).run()
    assert (run.outcome, run.done) == (Outcome.BAD_FLASH, 0)
