"""What follows from a configuration, by hand; and what no core can be."""

import re

import pytest

from accel.config import AcceleratorConfig, InvalidConfiguration

# rows, columns, requantizers, format: steps in a row of the weight buffer, words in one, cycles of
# a drain, cycles of a word, pace, broadcast, lines
SHAPES = [
    ((4, 4, 1, "int8"), (1, 1, 16, 4, 1, True, 1)),
    ((4, 4, 4, "int8"), (1, 1, 4, 1, 2, True, 1)),
    ((4, 8, 2, "int8"), (1, 2, 16, 2, 1, True, 2)),
    ((8, 16, 8, "int8"), (1, 2, 16, 1, 2, True, 2)),
    ((4, 4, 2, "int8_int4"), (2, 1, 8, 2, 1, True, 1)),
    ((8, 4, 1, "int8"), (2, 1, 32, 4, 1, False, 1)),
    ((3, 5, 1, "int8"), (1, 2, 15, 1, 2, True, 1)),
    ((6, 4, 2, "int8"), (1, 1, 12, 1, 2, False, 1)),
    ((2, 64, 1, "int8"), (1, 32, 128, 2, 1, True, 32)),
]


@pytest.mark.parametrize(("shape", "expected"), SHAPES)
def test_what_follows_from_a_shape(shape, expected):
    rows, columns, requantizers, form = shape
    config = AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, format=form, weight_steps=1024
    )
    assert expected == (
        config.steps_per_weight_row,
        config.words_per_weight_row,
        config.drain_cycles,
        config.word_cycles,
        config.pace,
        config.broadcast,
        config.broadcast_rows,
    )
    assert config.word_bits == 8 * rows
    assert config.peak_macs == rows * columns
    assert config.weight_rows == 1024 // expected[0]
    assert config.tile_cycles(0) == expected[2]
    assert config.tile_cycles(1) == expected[2] * expected[4]


BOUNDS = {
    "rows": (2, 32),
    "columns": (1, 64),
    "dsps": (0, 2048),
    "sum_bits": (16, 32),
    "requantizers": (1, 32),
    "weight_steps": (16, 65536),
    "bank_words": (256, 1 << 20),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_numbers_are_refused_from_the_first_on_that_is_out_of_range(name):
    low, high = BOUNDS[name]
    array = {"rows": 32, "columns": 32} if name == "requantizers" else {}
    steps = {} if name == "weight_steps" else {"weight_steps": 1024}
    for value in (low, high):
        assert getattr(AcceleratorConfig(**(array | steps | {name: value})), name) == value
    for value in (low - 1, high + 1, True, 4.0, "4"):
        message = f"Array {name} must be an integer from {low} to {high}, not {value!r}"
        with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}$"):
            AcceleratorConfig(**{name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flash_lanes": 3}, "Flash lanes must be one of 0, 1, 2, 4, not 3"),
        ({"requantizers": 3}, "Requantizers must divide rows and columns, not 3 of 4x4"),
        ({"requantizers": 4, "columns": 6}, "Requantizers must divide rows and columns, not 4 of"),
        ({"weight_steps": 1023}, "Weight steps must be a multiple of 2, not 1023"),
        (
            {"weight_steps": 1026, "format": "int8_int4"},
            "Weight steps must be a multiple of 4, not",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}"):
        AcceleratorConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"format": "int8_int4"}, 1028),
        ({"rows": 8}, 1028),
        ({"rows": 16}, 1024),
        ({"rows": 16, "weight_steps": 512}, 512),
        ({"columns": 8}, 1030),
    ],
)
def test_a_change_keeps_as_many_steps_as_fill_whole_rows(changes, steps):
    config = AcceleratorConfig(weight_steps=1030)
    assert config.replace(**changes).weight_steps == steps


@pytest.mark.parametrize(("family", "divider"), [("ecp5", 2), ("ice40up", 1), ("generic", 1)])
def test_only_an_ecp5_takes_two_cycles_for_a_pulse_of_its_flash(family, divider):
    assert AcceleratorConfig(family=family, flash_lanes=1).flash_divider == divider
