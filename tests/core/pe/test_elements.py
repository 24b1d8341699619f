# amaranth: UnusedElaboratable=no
"""Every processing element, in every format and family: its products are the format's, in time."""

import random
import re

import pytest
from amaranth.lib import wiring

from accel.config import FAMILIES, AcceleratorConfig, InvalidConfiguration
from accel.core.pe import ELEMENTS, element_of
from accel.numeric.formats import FORMATS
from tests.simulation import simulate


def configurations(element):
    """In every format, and in every family if it has cells of one; fewer cells than products."""
    every = [
        AcceleratorConfig(rows=8, columns=8, element=element, dsps=20, format=format, family=family)
        for family in FAMILIES
        for format in FORMATS
    ]
    has_cells = any(element_of(config).dsps(config) for config in every)
    return every if has_cells else every[: len(FORMATS)]


CONFIGURATIONS = [config for element in ELEMENTS for config in configurations(element)]


def name(config):
    return f"{config.element}-{config.format}-{config.family}"


def every_pair(number, rng):
    """All operands of a format with all others, each once, in random order."""
    half = 1 << number.activation_bits - 1
    low, high = number.weight_range
    pairs = [(a, w) for a in range(-half, half) for w in range(low, high + 1)]
    rng.shuffle(pairs)
    return pairs


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=name)
def test_all_products_are_the_formats_and_follow_by_the_published_latency(config):
    element, number = element_of(config), config.number_format
    dut, latency = element.create(config, True), element.latency(config)
    pairs = every_pair(number, random.Random(1))
    count = config.rows * config.columns
    cycles = [pairs[start : start + count] for start in range(0, len(pairs), count)]
    seen = []

    async def bench(ctx):
        for step in cycles + [cycles[0]] * (latency - 1):
            ctx.set(dut.a, [a for a, _ in step])
            ctx.set(dut.b, [w for _, w in step])
            await ctx.tick()
            products = ctx.get(dut.p)
            seen.append([products[k] for k in range(count)])

    simulate(dut, bench)
    expected = [[number.product(a, w) for a, w in step] for step in cycles]
    assert seen[latency - 1 :] == expected


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=name)
def test_the_ports_are_those_that_the_array_connects(config):
    number, count = config.number_format, config.rows * config.columns
    for simulate_cells in (False, True):
        component = element_of(config).create(config, simulate_cells)
        assert isinstance(component, wiring.Component)
        widths = {"a": number.activation_bits, "b": number.weight_bits, "p": number.product_bits}
        for port, width in widths.items():
            layout = getattr(component, port).shape()
            assert layout.length == count
            assert layout.elem_shape.width == width
            assert layout.elem_shape.signed


@pytest.mark.parametrize("element", ELEMENTS)
def test_an_element_says_what_it_is(element):
    assert ELEMENTS[element].title


def test_an_element_that_is_not_there_is_refused():
    message = f"Processing element must be one of {', '.join(ELEMENTS)}, not 'abacus'"
    with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}$"):
        element_of(AcceleratorConfig(element="abacus"))
