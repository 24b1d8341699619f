"""A host's link with what stands behind it in the core, memory, flash and sequencer, in Python."""

import random

from accel import protocol
from accel.config import AcceleratorConfig
from accel.core.host_link.link import Link
from accel.identity import identity
from accel.isa import FLASH_UNIT, Isa
from accel.protocol import COUNTER_BITS, COUNTERS, COUNTERS_BYTES, FlashStatus, Status, crc
from tests.support.rtl.simulation import Stalls, receive, send, simulate

WORDS = 1 << 18  # that a location of 3 bytes may name here
LAYERS = 3  # of the program that it runs
OK, BAD_HEADER, BAD_DATA, BAD_FLASH = (bytes([status]) for status in Status)


def closed(data):
    """A reply of ``data``."""
    return OK + data + bytes([crc(data)])


class Board:
    """A link with memory, flash and sequencer in plain Python.

    ``runs`` has location and layers of each run, ``checks`` counts those of the flash. Runs from
    flash are ``refused``, and then have no layers.
    """

    def __init__(self, *, rows=4, latency=1, seed=0, lanes=0, refused=False):
        self.config = AcceleratorConfig(rows=rows, flash_lanes=lanes)
        self.refused, self.checks = refused, 0
        self.flash_bit = 1 << Isa(self.config).pointer.size - 1 if lanes else 0
        self.latency = latency
        self.rng = random.Random(seed)
        self.dut = Link(self.config, memory_latency=latency)
        self.memory, self.runs, self.pointer = {}, [], 0
        self.counts = [self.rng.getrandbits(COUNTER_BITS) for _ in COUNTERS]
        self.flash_status = self.rng.choice(list(FlashStatus)) if lanes else FlashStatus(0)

    @property
    def info(self):
        counters = self.packed_counts.to_bytes(COUNTERS_BYTES, "little")
        return closed(identity(self.config) + counters + bytes([self.flash_status]))

    @property
    def packed_counts(self):
        return sum(count << COUNTER_BITS * index for index, count in enumerate(self.counts))

    def word(self, location):
        """The bytes of a word; random ones where nobody wrote."""
        if location not in self.memory:
            self.memory[location] = bytearray(self.rng.randbytes(self.config.rows))
        return self.memory[location]

    def flash(self, location, count):
        """Bytes of the flash at a location in it."""
        address = (location & self.flash_bit - 1) * FLASH_UNIT
        return bytes((address + k) * 2654435761 >> 13 & 0xFF for k in range(count))

    def talk(self, *testbenches):
        background = [self._sequencer, self._memory, self._watch, self._counters]
        if self.config.flash_lanes:
            background.append(self._flash)
        simulate(self.dut, *testbenches, background=background, cycles=200_000)

    def answer(self, request, count, *, rates=(0, 0)):
        """Send ``request`` and return ``count`` bytes, after which no more may come."""
        received = []
        sending, receiving = (Stalls(rate, self.rng.getrandbits(20)) for rate in rates)

        async def host(ctx):
            await send(ctx, self.dut.i, request, sending)

        async def listener(ctx):
            received.extend(await receive(ctx, self.dut.o, count, receiving))
            for _ in range(60):
                assert not ctx.get(self.dut.o.valid)
                await ctx.tick()

        self.talk(host, listener)
        return bytes(received)

    async def _sequencer(self, ctx):
        dut = self.dut
        ctx.set(dut.control.idle, 1)
        while True:
            await ctx.tick().until(dut.control.run)
            ctx.set(dut.control.idle, 0)
            run = [self.pointer, 0]
            self.runs.append(run)
            stopped = self.refused and bool(run[0] & self.flash_bit)
            ctx.set(dut.control.refused, stopped)
            while run[1] < LAYERS and not stopped:
                await ctx.tick().repeat(self.rng.randint(3, 90))
                ctx.set(dut.control.layer_done, 1)
                stopped = ctx.get(dut.control.stop)
                await ctx.tick()
                ctx.set(dut.control.layer_done, 0)
                run[1] += 1
            ctx.set(dut.control.idle, 1)

    async def _counters(self, ctx):
        """Move down by a byte, around, when they are told to."""
        size, counters = 8 * COUNTERS_BYTES, self.packed_counts
        while True:
            ctx.set(self.dut.control.counter_byte, counters & 0xFF)
            if ctx.get(self.dut.control.next_counter_byte):
                counters = counters >> 8 | (counters & 0xFF) << size - 8
            await ctx.tick()

    async def _flash(self, ctx):
        """Reads on from where it was started, and has a byte now and then."""
        dut, coming, valid = self.dut, b"", False
        ctx.set(dut.flash.status, self.flash_status)
        while True:
            ctx.set(dut.flash.selected, bool(self.pointer & self.flash_bit))
            valid = valid or (bool(coming) and self.rng.random() < 0.3)
            ctx.set(dut.flash.data.valid, valid)
            ctx.set(dut.flash.data.payload, coming[0] if valid else 0xEE)
            if valid and ctx.get(dut.flash.data.ready):
                coming, valid = coming[1:], False
            if ctx.get(dut.flash.start):
                coming, valid = self.flash(self.pointer, 100), False
            self.checks += ctx.get(dut.flash.check)
            await ctx.tick()

    async def _memory(self, ctx):
        dut, due = self.dut, {}
        time = before = 0
        while True:
            if ctx.get(dut.control.access):
                mask, word = ctx.get(dut.write), self.word(self.pointer)
                for lane in range(self.config.rows):
                    if mask >> lane & 1:
                        word[lane] = before
                ctx.set(dut.read_data, self.rng.getrandbits(self.config.word_bits))
                if not mask:
                    due[time + self.latency] = int.from_bytes(word, "little")
            before = ctx.get(dut.write_byte)
            for index in range(protocol.LOCATION_BYTES):
                if ctx.get(dut.control.set_pointer) >> index & 1:
                    byte = ctx.get(dut.control.pointer_byte) << 8 * index
                    self.pointer = self.pointer & ~(0xFF << 8 * index) | byte
            self.pointer += ctx.get(dut.control.advance)
            await ctx.tick()
            time += 1
            if time in due:
                ctx.set(dut.read_data, due.pop(time))

    async def _watch(self, ctx):
        """A byte that is offered stays until it is taken."""
        offered = None
        while True:
            valid, payload = ctx.get(self.dut.o.valid), ctx.get(self.dut.o.payload)
            assert offered is None or (valid, payload) == (1, offered)
            offered = payload if valid and not ctx.get(self.dut.o.ready) else None
            await ctx.tick()
