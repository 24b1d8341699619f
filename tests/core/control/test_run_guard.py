"""A run ends with its last layer, at its limits, or when it is aborted, and each is told."""

import random

import pytest

from accel.core.control.run_guard import CLEANING_CYCLES, RunGuard
from accel.protocol import COUNTER_BITS, LEAST_LIMIT_BITS, NO_LIMIT, NOT_FREE, Outcome
from tests.support.rtl.simulation import simulate


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


@pytest.mark.parametrize("after", [0, 1, 2, 14, NOT_FREE])
def test_a_place_is_free_after_the_layers_that_the_run_says(after):
    run, free = Run(program=20), []
    host = run._host

    async def watched(ctx):
        ctx.set(run.dut.link.free_after, after)
        assert ctx.get(run.dut.link.free)
        await host(ctx)
        assert ctx.get(run.dut.link.free)

    async def watch(ctx):
        link = run.dut.link
        async for *_, busy, is_free in ctx.tick().sample(link.busy, link.free):
            if busy and is_free and not free:
                free.append(run.done)

    simulate(run.dut, watched, background=[run._sequencer, watch], cycles=5000)
    assert free == ([] if after == NOT_FREE else [after])


def test_a_run_that_the_sequencer_refuses_is_told():
    run = Run(refused=True).run()
    assert (run.outcome, run.done) == (Outcome.BAD_FLASH, 0)
