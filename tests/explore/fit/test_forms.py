"""The loop nests by their sizes are those that the compiler makes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.layer import Region
from accel.compiler.schedule.dataflows import dataflows_of, problem_of, stored_weights
from accel.config import AcceleratorConfig
from accel.explore.fit.forms import count_limit, forms_of
from tests.support.networks.convolutions import SIZES, convolution, convolutions

ROOM = {"weight_steps": 61440, "bank_words": 1 << 20}
OTHERS = ((3, 5), (2, 8), (4, 16), (8, 2), (6, 12), (16, 3))


def made(c, config):
    """What the compiler's loop nests have of a form, those that the core can run."""
    found = set()
    for nests in dataflows_of(c, config):
        if problem_of(nests, config) is None:
            first = nests[0]
            steps = first.weights.shape[1]
            stored = stored_weights(first.weights, first.descriptor, config).shape[1]
            tiles = first.descriptor.tiles(config.rows)
            found.add((first.descriptor.groups, tiles, steps, stored, len(nests)))
    return found


@settings(max_examples=120)
@given(convolutions(), st.sampled_from((*SIZES, *OTHERS)))
def test_forms_are_the_dataflows(c, size):
    config = AcceleratorConfig(rows=size[0], columns=size[1]).replace(**ROOM)
    forms = {(f.groups, f.tiles, f.steps, f.stored, f.nests) for f in forms_of(c, config)}
    assert forms == made(c, config)


@pytest.mark.parametrize(
    ("shape", "channels", "unit"),
    [
        ((1, 1, 1032), 8, "blocks"),
        ((1, 1, 8), 2100, "groups"),
        ((1, 1030, 4), 4, "positions_with_padding"),
        ((1, 1015, 4), 4, None),
        ((1, 1020, 4), 4, "positions_with_padding"),
    ],
)
def test_what_cannot_be_counted_is_no_form(shape, channels, unit):
    config = AcceleratorConfig(**ROOM)
    c = convolution(np.ones((channels, 1, 1, shape[2])), shape, (*shape[:2], channels))
    assert bool(made(c, config)) == bool(forms_of(c, config)) == (unit is None)
    if unit:
        assert count_limit(c, config).unit == unit


def test_a_large_stride_is_no_form():
    c = convolution(np.ones((1, 1, 1, 4)), (1, 40, 4), (1, 2, 1), stride=(1, 20))
    assert c.region == Region(0, 0, 1, 2)
    assert not made(c, AcceleratorConfig(**ROOM))
    assert count_limit(c, AcceleratorConfig(**ROOM)).unit == "stride"
