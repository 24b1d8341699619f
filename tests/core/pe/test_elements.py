# amaranth: UnusedElaboratable=no
"""Every processing element, in every format and family: its products are the format's, in time."""

import re

import pytest

from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.core.pe import ELEMENTS, element_of, serving
from accel.datapath import _ports, _products
from accel.datapath._claim import smallest
from accel.numeric.formats import FORMATS
from tests.support.rtl.datapaths import cores, name

CORES = cores(dsps=3)  # fewer than products, for those that mix
# Of bytes in a mixed array, each product is of an element that is here by itself, in each family.
ALL_PAIRS = [c for c in CORES if (c.element, c.format) != ("mixed", "int8") or c.family == "ecp5"]


@pytest.mark.parametrize("config", ALL_PAIRS, ids=name)
def test_all_products_are_the_formats_and_follow_by_the_published_latency(config):
    number = config.number_format
    claims = list(_products.claims(config))
    assert len(claims) == (2 if number.sub_byte else 1)
    for claim in claims:
        assert f"all {256 * len(number):,} pairs" in claim.how
        assert claim.problem == ""


@pytest.mark.parametrize("config", CORES, ids=name)
def test_the_ports_are_those_that_the_array_connects(config):
    assert _ports.claim(config).problem == ""


@pytest.mark.parametrize("element", ELEMENTS)
def test_an_element_says_what_it_is(element):
    assert ELEMENTS[element].title


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_an_element(form):
    names = serving(AcceleratorConfig(format=form))
    assert "multiplier" in names
    # What is made for a format comes first.
    assert [n for n in names if ELEMENTS[n].format] == names[
        : len(names) - sum(ELEMENTS[n].format is None for n in names)
    ]


def test_an_element_that_is_not_there_is_refused():
    message = f"Processing element must be one of {', '.join(ELEMENTS)}, not 'abacus'"
    with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}$"):
        element_of(AcceleratorConfig(element="abacus"))


def test_an_element_of_another_format_is_refused_with_those_that_serve():
    message = (
        "Processing element 'booth' does not make the products of the number format 'int8_pow2'; "
        "those that do: shifter, multiplier"
    )
    with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}$"):
        element_of(AcceleratorConfig(element="booth", format="int8_pow2"))


def test_two_products_a_cell_need_columns_that_share_an_activation():
    config = AcceleratorConfig(element="packed", format="int8_int4", family="ecp5")
    message = (
        "Processing element 'packed': two columns share an activation where there are twice as "
        "many columns as rows, or a multiple of that, not in 4x4"
    )
    with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}$"):
        element_of(config)
    for rows, columns in ((4, 8), (2, 12), (8, 32)):
        sized = config.replace(rows=rows, columns=columns)
        assert rows * columns == 2 * element_of(sized).dsps(sized)
    assert smallest(config) == config.replace(rows=2, columns=4)
