"""Runs of bytes say what goes over the line, byte for byte, of every layout of an input."""

import numpy as np
import pytest

from accel.api import compile
from accel.compiler.lowering.input_im2col import InputMap
from accel.config import AcceleratorConfig
from accel.export.spans import FILL, line_codes, spans
from tests.cli.conftest import MODEL
from tests.support.networks.small import two_convolutions


def unrolled(found, sample: np.ndarray) -> list[int]:
    """What a driver does with runs."""
    data, place = [], 0
    for count, step in found:
        assert 0 <= count < 1 << 16 and -(1 << 15) <= step < 1 << 15
        if count & FILL:
            data += [step & 0xFF] * (count - FILL)
            continue
        place += step
        data += [int(value) & 0xFF for value in sample[place : place + count]]
        place += count
    return data


def on_the_line(stored: InputMap, sample: np.ndarray, rows: int) -> list[int]:
    """The bytes that the driver in Python sends."""
    words = stored.pack(sample[np.newaxis], rows).reshape(-1, rows)
    return words[:, : stored.layout.lanes(rows)].ravel().tolist()


@pytest.mark.parametrize("rows", [2, 4, 16])
@pytest.mark.parametrize("model", [MODEL, two_convolutions()], ids=["digits", "small"])
def test_an_input_of_a_network(model, rows):
    program = compile(model, config=AcceleratorConfig(rows=rows, columns=4)).code
    rng = np.random.default_rng(rows)
    for stored in program.inputs:
        size = program.graph.tensor(stored.source).size
        sample = rng.integers(-128, 128, size).astype(np.int8)
        words = stored.layout.words(rows)
        found = spans(line_codes(stored, rows, 0, words))
        assert found[0] == (0, 0)
        assert unrolled(found, sample) == on_the_line(stored, sample, rows)
        first, some = words // 3, words // 2
        lanes = stored.layout.lanes(rows)
        part = spans(line_codes(stored, rows, first, some))
        expected = on_the_line(stored, sample, rows)[first * lanes : (first + some) * lanes]
        assert unrolled(part, sample) == expected


def test_long_runs_and_far_steps():
    size, pad = 100_000, -3
    index = np.full((1, 3 * size // 5, 5), -1)
    index[0, :20_000] = np.arange(size).reshape(-1, 5)  # one run of all values
    index[0, -2:] = [[0, size - 1, 3, size - 2, 5], [7, -1, 7, 7, size // 2]]
    stored = InputMap("x", index, pad)
    sample = np.random.default_rng(1).integers(-128, 128, size).astype(np.int8)
    found = spans(line_codes(stored, 4, 0, stored.layout.words(4)))
    assert unrolled(found, sample) == on_the_line(stored, sample, 4)
