"""A segment begins with the first layer that reads what the driver writes before it."""

from dataclasses import dataclass

import pytest

from accel.compiler.ir.segment_starts import last_of, segment_of, segment_starts


@dataclass
class Layer:
    source: str
    residual: str | None = None
    addend: str | None = None


LAYERS = [Layer("x"), Layer("a"), Layer("b", residual="d"), Layer("e"), Layer("c")]


@pytest.mark.parametrize(
    "later, expected",
    [
        ({}, (0,)),
        ({"d": 1}, (0, 2)),
        ({"d": 1, "e": 2}, (0, 2, 3)),
        ({"e": 2}, (0, 3, 3)),
        ({"d": 1, "nobody": 2}, (0, 2, 5)),
    ],
)
def test_segments_begin_where_their_inputs_are_read(later, expected):
    assert segment_starts(LAYERS, later) == expected


def test_layers_belong_to_the_segment_that_has_begun():
    starts = segment_starts(LAYERS, {"d": 1, "e": 3})
    assert starts == (0, 2, 3, 3)
    assert [segment_of(starts, layer) for layer in range(5)] == [0, 0, 1, 3, 3]
    assert [last_of(starts, layer, 5) for layer in range(5)] == [1, 1, 2, 5, 5]
