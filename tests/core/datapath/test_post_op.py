"""What is stored is what `isa` defines, with and without second operand, maximum and tables."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath.post_op import PostOpUnit, latency_of
from accel.core.primitives import dual_port
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS, FRACTION_BITS
from tests.support.in_turn import in_turn
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [  # rows, columns, requantizers: memory words narrower than an entry, and wider ones
    (2, 2, 1),
    (2, 1, 1),
    (3, 3, 1),
    (3, 5, 1),
    (4, 4, 1),
    (4, 4, 2),
    (5, 5, 1),
    (8, 4, 2),
    (8, 8, 1),
]
SEEDS = st.integers(0, 1 << 32)
LIMIT = 1 << ENTRY_BITS - 1
RULES = ("clamp", "residual", "maximum", "lookup_tables", "tables of one")


def entries(rng, count):
    """Some of which are alone beyond all codes, and many whose sums are close to a code's end."""
    found = []
    for _ in range(count):
        unit, code = 1 << FRACTION_BITS, rng.randrange(-20, 280)
        choices = [
            -LIMIT,
            LIMIT - 1,
            rng.randrange(-LIMIT, LIMIT),
            *(code * unit - 1, code * unit) * 3,
        ]
        found.append(rng.choice(choices))
    return found


def code_of(rule, result, old, low, high, lookup_tables):
    """`isa`, in plain Python: the code that is stored, as a byte."""
    value = result
    if rule == "maximum":
        value = max(result, old)
    elif rule.startswith("lookup_tables"):
        value = (lookup_tables[0][result] + lookup_tables[1][old]) >> FRACTION_BITS
    return (min(max(value, low), high) - 128) & 0xFF


class Layers:
    """Layers of all rules, one after another: operands in each cycle, and what comes out."""

    def __init__(self, config, seed, rules):
        self.config, self.rng = config, random.Random(seed)
        self.dut = PostOpUnit(config, simulate=True)
        self.time, self.expected, self.seen = 0, {}, {}
        self.rules, self.lookup_tables = rules, None
        simulate(self.dut, self._bench)

    async def _tick(self, ctx):
        if self.time in self.expected:
            self.seen[self.time] = ctx.get(self.dut.o)
        await ctx.tick()
        self.time += 1

    async def _bench(self, ctx):
        for rule in self.rules:
            dut, rng = self.dut, self.rng
            low, high = sorted(rng.choice([0, 255, rng.randrange(256)]) for _ in range(2))
            ctx.set(dut.fill.start, 1)
            await self._tick(ctx)
            ctx.set(dut.fill.start, 0)
            for name, value in (
                ("maximum", rule == "maximum"),
                ("lookup_tables", rule.startswith("lookup_tables")),
                ("low", low),
                ("high", high),
            ):
                ctx.set(getattr(dut.rule, name), value)
            if rule.startswith("lookup_tables"):
                await self._load(ctx, 256 if rule == "lookup_tables" else 1)
            for _ in range(200):
                result, old = rng.randrange(256), rng.randrange(256)
                if rule in ("clamp", "tables of one"):
                    old = 0
                ctx.set(dut.result, result)
                ctx.set(dut.residual, old)
                code = code_of(rule, result, old, low, high, self.lookup_tables)
                self.expected[self.time + dut.latency] = code
                await self._tick(ctx)
            for _ in range(dut.latency + 1):  # the last codes are stored before the next layer
                await self._tick(ctx)

    async def _load(self, ctx, count):
        """Entries word by word, with pauses. What was begun before is given up."""
        if self.rng.random() < 0.3:
            await self._words(ctx, entries(self.rng, self.rng.randrange(20)), self.rng.randrange(2))
            ctx.set(self.dut.fill.start, 1)
            await self._tick(ctx)
            ctx.set(self.dut.fill.start, 0)
        first, residual = entries(self.rng, 256), entries(self.rng, count)
        # The second table keeps what it had after its only entry, which nobody asks for.
        self.lookup_tables = first, residual
        await self._words(ctx, first + residual)
        for _ in range(3):
            await self._tick(ctx)

    async def _words(self, ctx, values, more=0):
        dut, width = self.dut, self.config.word_bits
        count = -(-ENTRY_BITS // width)
        words = []
        for value in values:
            unused = self.rng.getrandbits(count * width) >> ENTRY_BITS << ENTRY_BITS
            packed = value % (1 << ENTRY_BITS) | unused
            words += [packed >> width * k & (1 << width) - 1 for k in range(count)]
        for word in words + [self.rng.getrandbits(width)] * more:
            while self.rng.random() < 0.2:
                await self._tick(ctx)
            ctx.set(dut.fill.table_en, 1)
            ctx.set(dut.fill.data, word)
            await self._tick(ctx)
            ctx.set(dut.fill.table_en, 0)
            ctx.set(dut.fill.data, self.rng.getrandbits(width))

    def check(self):
        assert self.dut.latency == latency_of(self.config)
        assert self.seen == self.expected


@pytest.mark.parametrize(("rows", "columns", "requantizers", "family"), in_turn(SIZES, FAMILIES))
@settings(UNSHRUNK, max_examples=2)
@given(seed=SEEDS)
def test_codes_are_as_defined_with_published_latency(rows, columns, requantizers, family, seed):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    rules = random.Random(seed).sample(RULES, len(RULES))
    Layers(config, seed, [*rules, *rules[:2]]).check()


def test_some_of_these_cores_wait_a_cycle_and_others_do_not():
    """So that no read meets a write, see `test_writeback`."""
    waits = {
        latency_of(config) - dual_port.latency_of(config.family)
        for rows, columns, n in SIZES
        for config in [AcceleratorConfig(rows=rows, columns=columns, requantizers=n)]
    }
    assert len(waits) == 2
