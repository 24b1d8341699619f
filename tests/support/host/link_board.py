"""A host's link with what stands behind it in the core, memory, flash and runs, in Python."""

import random

from accel.config import AcceleratorConfig
from accel.core.host_link.link import Link
from accel.core.host_link.receiver import LinkTimes
from accel.identity import identity
from accel.isa import FLASH_UNIT, Isa
from accel.protocol import (
    COUNTER_BITS,
    COUNTERS,
    COUNTERS_BYTES,
    OUTCOME_SHIFT,
    FlashStatus,
    Outcome,
    Status,
    closed,
)
from tests.support.rtl.simulation import Stalls, receive, send, simulate

WORDS = 1 << 15  # in both banks
SILENCE_BITS, TIMEOUT_BITS = 8, 9  # more than the longest stalls


def status(status, expected=0):
    """An acknowledgement."""
    return closed(bytes([status, expected]))


class Board:
    """A link with memory, flash and a sequencer in plain Python.

    ``runs`` has location, layers and limit of each run; ``checks`` and ``aborts`` are counted.
    """

    def __init__(self, *, rows=4, latency=1, seed=0, lanes=0, family="generic"):
        self.config = AcceleratorConfig(rows=rows, flash_lanes=lanes, family=family)
        self.checks = self.aborts = 0
        self.flash_bit = 1 << Isa(self.config).pointer.size - 1 if lanes else 0
        self.latency = latency
        self.rng = random.Random(seed)
        times = LinkTimes(frame_bits=TIMEOUT_BITS, silence_bits=SILENCE_BITS)
        self.dut = Link(self.config, memory_latency=latency, times=times)
        self.memory, self.runs, self.pointer = {}, [], 0
        self.counts = [self.rng.getrandbits(COUNTER_BITS) for _ in COUNTERS]
        self.flash_status = self.rng.choice(list(FlashStatus)[1:]) if lanes else FlashStatus(0)
        self.outcome = self.rng.choice(list(Outcome))
        self.run_cycles = 1, 40
        self.shared_layers = None  # as the last run said
        self.taken = self.bands = 0  # places and bands that were written
        self.rates = []  # that were set
        self.flash_rate = self.rng.choice([0.3, 1.0])

    @property
    def measured(self):
        """Counters and state."""
        packed = sum(count << COUNTER_BITS * index for index, count in enumerate(self.counts))
        state = self.flash_status | self.outcome << OUTCOME_SHIFT
        return packed.to_bytes(COUNTERS_BYTES, "little") + bytes([state])

    def info(self, tag=0):
        return closed(bytes([Status.INFO, tag]) + identity(self.config) + self.measured)

    def word(self, location):
        """The bytes of a word; random ones where nobody wrote."""
        if location not in self.memory:
            self.memory[location] = self.rng.randbytes(self.config.rows)
        return self.memory[location]

    def flash(self, location, count):
        """Bytes of the flash at a location in it."""
        address = (location & self.flash_bit - 1) * FLASH_UNIT
        return bytes((address + k) * 2654435761 >> 13 & 0xFF for k in range(count))

    def talk(self, *testbenches):
        background = [self._runs, self._memory, self._watch, self._counters]
        if self.config.flash_lanes:
            background.append(self._flash)
        simulate(self.dut, *testbenches, background=background, cycles=200_000)

    def answer(self, request, count, *, rates=(0, 0), quiet=60):
        """Send ``request`` and return ``count`` bytes, after which no more may come."""
        received = []
        sending, receiving = (Stalls(rate, self.rng.getrandbits(20)) for rate in rates)

        async def host(ctx):
            await send(ctx, self.dut.i, request, sending)

        async def listener(ctx):
            received.extend(await receive(ctx, self.dut.o, count, receiving))
            for _ in range(quiet):
                assert not ctx.get(self.dut.o.valid)
                await ctx.tick()

        self.talk(host, listener)
        return bytes(received)

    async def _runs(self, ctx):
        run = self.dut.run
        left = 0
        ctx.set(run.free, 1)
        while True:
            ctx.set(run.outcome, self.outcome)
            self.aborts += ctx.get(run.abort)
            self.taken += ctx.get(run.take)
            self.bands += ctx.get(run.band)
            if ctx.get(run.start):
                assert left == 0
                fields = tuple(ctx.get(port) for port in (run.layers, run.limit))
                self.shared_layers, self.share = ctx.get(run.shared_layers), ctx.get(run.share)
                ctx.set(run.free, 0)
                await ctx.tick()
                ctx.set(run.busy, 1)
                await ctx.tick()
                self.runs.append((self.pointer, *fields))
                left = self.rng.randint(*self.run_cycles)
                continue
            await ctx.tick()
            left = max(0, left - 1)
            ctx.set(run.busy, left > 0)

    async def _counters(self, ctx):
        """Move down by a bit, around, when they are told to."""
        port = self.dut.counters
        counters = int.from_bytes(self.measured[:-1], "little")
        while True:
            ctx.set(port.bit, counters & 1)
            if ctx.get(port.next):
                counters = counters >> 1 | (counters & 1) << 8 * COUNTERS_BYTES - 1
            await ctx.tick()

    async def _flash(self, ctx):
        """Reads on from where it was started, and has a byte now and then."""
        dut, coming, valid = self.dut, b"", False
        ctx.set(dut.flash.status, self.flash_status)
        while True:
            ctx.set(dut.flash.selected, bool(self.pointer & self.flash_bit))
            valid = valid or (bool(coming) and self.rng.random() < self.flash_rate)
            ctx.set(dut.flash.data.valid, valid)
            ctx.set(dut.flash.data.payload, coming[0] if valid else 0xEE)
            if valid and ctx.get(dut.flash.data.ready):
                coming, valid = coming[1:], False
            if ctx.get(dut.flash.start):
                coming, valid = self.flash(self.pointer, 100), False
            self.checks += ctx.get(dut.flash.check)
            await ctx.tick()

    async def _memory(self, ctx):
        """Words are read some cycles later, and written when nobody else comes."""
        dut, due = self.dut, {}
        time = 0
        rows, size = self.config.rows, self.config.word_bits
        while True:
            ctx.set(dut.read_data, self.rng.getrandbits(size))
            if time in due:
                ctx.set(dut.read_data, due.pop(time))
            taken = ctx.get(dut.write.taken)
            if taken:
                location = ctx.get(dut.write.location.as_value())
                self.memory[location] = ctx.get(dut.write.data).to_bytes(rows, "little")
                assert not ctx.get(dut.memory.access)
            if ctx.get(dut.memory.access):
                word = int.from_bytes(self.word(self.pointer), "little")
                due[time + self.latency] = word
            free = ctx.get(dut.write.valid) and not taken and self.rng.random() < 0.5
            if ctx.get(dut.memory.set):
                self.pointer = ctx.get(dut.memory.location)
            self.pointer += ctx.get(dut.memory.advance)
            await ctx.tick()
            ctx.set(dut.write.taken, free)
            time += 1

    async def _watch(self, ctx):
        """A byte that is offered stays until it is taken; what rate is set."""
        offered = None
        while True:
            valid, payload = ctx.get(self.dut.o.valid), ctx.get(self.dut.o.payload)
            assert offered is None or (valid, payload) == (1, offered)
            offered = payload if valid and not ctx.get(self.dut.o.ready) else None
            if ctx.get(self.dut.rate.apply):
                self.rates.append(ctx.get(self.dut.rate.bit))
            await ctx.tick()
