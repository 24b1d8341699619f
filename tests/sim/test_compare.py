"""A comparison finds the first difference and says where it is."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from accel.sim.compare import assert_same


def answer(**layers):
    x = np.zeros((2, 3), np.int8)
    return SimpleNamespace(outputs={"y": x}, layers={name: x + n for name, n in layers.items()})


def test_equal_answers_pass():
    assert_same(answer(a=1), answer(a=1))
    assert_same(answer(a=1), answer())
    assert_same({"a": np.ones(3)}, {"a": np.ones(3)})
    assert_same(np.array([1.0, np.nan]), np.array([1.0, np.nan]))


def test_the_first_layer_the_element_and_both_values_are_named():
    ours, theirs = answer(a=0, b=1, c=2), answer(a=0, b=1, c=2)
    ours.layers["b"][1, 2] = 9
    ours.layers["c"][:] = 7
    message = (
        "b is the first of 4 to differ: 1 of 6 elements\n"
        "  first at [1, 2]: 9, expected 1\n"
        "  after it differ: c (6 of 6 elements)"
    )
    with pytest.raises(AssertionError, match=f"^{re.escape(message)}$"):
        assert_same(ours, theirs)


def test_another_type_or_shape_differs():
    with pytest.raises(AssertionError, match=r"int8 \[3\], expected int16 \[3\]"):
        assert_same(np.zeros(3, np.int8), np.zeros(3, np.int16))
    with pytest.raises(AssertionError, match=r"int8 \[3\], expected int8 \[1, 3\]"):
        assert_same(np.zeros(3, np.int8), np.zeros((1, 3), np.int8))


def test_a_missing_layer_is_named():
    with pytest.raises(AssertionError, match=r"^missing: b; there are a$"):
        assert_same({"a": np.ones(1)}, {"a": np.ones(1), "b": np.ones(1)})
