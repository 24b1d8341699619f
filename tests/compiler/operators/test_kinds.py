"""Operators are of one kind each, and a kind's functions are required."""

from dataclasses import MISSING, fields

import pytest

from accel.compiler.operators import OPERATORS, operator_of
from accel.compiler.operators._kinds import (
    Binary,
    Conversion,
    Elementwise,
    HostOnly,
    Index,
    Linear,
    Movement,
    Operator,
    Product,
    View,
)
from tests.support.networks.small import two_convolutions

KINDS = (HostOnly, Product, Linear, Movement, View, Index, Elementwise, Binary, Conversion)
REQUIRED = {
    HostOnly: set(),
    Product: {"lower"},
    Linear: {"lower", "output_rule", "sum_bounds"},
    Movement: {"lower"},
    View: {"lower"},
    Index: {"lower", "decode"},
    Elementwise: {"table"},
    Binary: {"table", "pair_table"},
    Conversion: {"table", "output_rule", "sum_bounds"},
}


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_of_one_kind(name):
    assert type(OPERATORS[name]) in KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_lists_the_functions_that_it_requires(kind):
    required = {field.name for field in fields(kind) if field.default is MISSING}
    assert required == REQUIRED[kind] | {"attributes", "check", "reference"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_without_a_function_of_its_kind_cannot_be_made(kind):
    given = dict.fromkeys(REQUIRED[kind] | {"attributes", "check", "reference"}, object)
    assert isinstance(kind(**given), Operator)
    for name in given:
        with pytest.raises(TypeError, match=f"required keyword-only argument: '{name}'$"):
            kind(**{key: value for key, value in given.items() if key != name})


def test_an_operator_is_asked_for_by_its_kind():
    node = two_convolutions().nodes[0]
    assert operator_of(node, Linear) is OPERATORS["conv2d"]
    with pytest.raises(AssertionError, match=r"^conv2d is no Elementwise"):
        operator_of(node, Elementwise)
