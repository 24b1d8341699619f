"""A program's listing says what is in its bytes."""

import re
from pathlib import Path

import pytest

from accel.compiler.frontends import load
from accel.compiler.listing import write_listing
from accel.compiler.program import compile_graph
from accel.config import AcceleratorConfig
from accel.isa import Isa

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"


@pytest.fixture(scope="module")
def program():
    config = AcceleratorConfig(rows=4, columns=4, weight_steps=1280)
    return compile_graph(load(DIGITS / "digits_int8.tflite"), config)


def test_listing_of_digits(program, golden):
    golden("digits_int8_4x4.txt", write_listing(program))


def test_every_chunk_has_every_field(program):
    text = write_listing(program)
    fields = [name for name, _ in Isa(program.config).descriptor]
    for name in fields:
        found = re.findall(rf"^    {name} +\S+", text, re.MULTILINE)
        assert len(found) == len(program.chunks)
