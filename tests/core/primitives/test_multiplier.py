# amaranth: UnusedElaboratable=no
"""Products, latency, clock enable and argument errors of ``Multiplier``."""

import random
import re

import pytest
from amaranth.hdl import signed, unsigned
from amaranth.sim import Simulator

from accel.core.primitives.family import FAMILIES
from accel.core.primitives.multiplier import Multiplier

SHAPES = [
    (signed(8), signed(8)),
    (unsigned(8), signed(8)),
    (signed(8), unsigned(8)),
    (signed(4), signed(8)),
]


def random_operand(rng, shape):
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    return rng.randrange(low, low + (1 << shape.width))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_products_follow_their_operands_by_the_published_latency(family, shapes):
    rng = random.Random(1)
    dut = Multiplier(
        count=3, activation_shape=shapes[0], weight_shape=shapes[1], family=family, simulate=True
    )
    operands = [[[random_operand(rng, s) for s in shapes] for _ in range(3)] for _ in range(100)]

    async def bench(ctx):
        answers = []
        for step in operands:
            for k, (a, b) in enumerate(step):
                ctx.set(dut.a[k], a)
                ctx.set(dut.b[k], b)
            await ctx.tick()
            answers.append([ctx.get(dut.p[k]) for k in range(3)])
        expected = [[a * b for a, b in step] for step in operands]
        # An answer seen after tick n belongs to the operands set before tick n - latency + 1.
        assert answers[dut.latency - 1 :] == expected[: 1 - dut.latency]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "ecp5"])
def test_every_register_keeps_its_value_while_not_enabled(family):
    dut = Multiplier(
        count=1, activation_shape=signed(8), weight_shape=signed(8), family=family, simulate=True
    )

    async def bench(ctx):
        ctx.set(dut.a[0], 3)
        ctx.set(dut.b[0], -5)
        await ctx.tick()
        ctx.set(dut.en, 0)
        ctx.set(dut.a[0], 100)
        await ctx.tick().repeat(5)
        ctx.set(dut.en, 1)
        await ctx.tick().repeat(dut.latency - 1)
        assert ctx.get(dut.p[0]) == -15

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_a_cell_of_the_ecp5_rests_a_cycle_after_it_is_no_longer_enabled():
    dut = Multiplier(
        count=1, activation_shape=signed(8), weight_shape=signed(8), family="ecp5", simulate=True
    )

    async def bench(ctx):
        products = []
        for cycle in range(20):
            ctx.set(dut.en, cycle not in range(8, 14))
            ctx.set(dut.a[0], cycle)
            ctx.set(dut.b[0], 1)
            await ctx.tick()
            products.append(ctx.get(dut.p[0]))
        # The cell has three registers, between one before it and one behind it.
        assert products[4:9] == [0, 1, 2, 3, 4]
        assert products[9:16] == [5] * 7, "the cell did not rest"
        assert products[16:] == [6, 7, 14, 15], "what was in the cell was lost"

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_a_dsp_cell_of_the_up5k_holds_two_products():
    cells = [
        Multiplier(
            count=count, activation_shape=signed(8), weight_shape=signed(8), family="ice40up"
        ).cells
        for count in (1, 2, 3, 16)
    ]
    assert cells == [1, 1, 2, 8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "Multiplier count must be a positive integer, not 0"),
        (
            {"family": "spartan"},
            "Family must be one of 'generic', 'ice40up', 'ice40hx', 'ecp5', not 'spartan'",
        ),
        (
            {"family": "ice40up", "weight_shape": signed(9)},
            "Multiplier operand on 'ice40up' must be at most 8 bits wide, not signed(9)",
        ),
        (
            {"family": "ecp5", "weight_shape": unsigned(18)},
            "Multiplier operand on 'ecp5' must be at most 18 bits wide, not unsigned(18)",
        ),
    ],
)
def test_unusable_parameters_are_refused(changes, message):
    parameters = {"count": 2, "activation_shape": signed(8), "weight_shape": signed(8)} | changes
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Multiplier(**parameters)
