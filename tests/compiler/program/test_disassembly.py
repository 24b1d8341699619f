"""A program's listing says what is in its bytes."""

import re
from pathlib import Path

import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.program.disassembly import write_listing
from accel.config import AcceleratorConfig
from accel.isa import Isa

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits"


@pytest.fixture(scope="module")
def program():
    config = AcceleratorConfig(rows=4, columns=4, weight_steps=1280)
    return compile_graph(load(DIGITS / "digits_int8.tflite"), config)


def test_listing_of_digits(program, golden):
    golden("digits_int8_4x4.txt", write_listing(program))


def test_a_transfer_is_listed_before_the_layer_that_hides_it():
    config = AcceleratorConfig(bank_words=1024, flash_lanes=4)
    program = compile_graph(load(DIGITS / "digits_int8.tflite"), config)
    text = write_listing(program)
    transfers = [transfer for transfer in program.transfers if transfer]
    found = re.findall(
        r"^transfer flash:(\w+) (\d+) words -> (\d):(\w+)\nchunk ", text, re.MULTILINE
    )
    assert transfers and found == [
        (f"{c.chunk.address:06x}", str(c.size // 4), str(c.bank), f"{c.address:05x}")
        for c in transfers
    ]
    prefetched = sum(chunk.prefetched for chunk in program.chunks)
    assert text.count(" words, prefetched: ") == prefetched > 0


def test_every_chunk_has_every_field(program):
    text = write_listing(program)
    fields = [name for name, _ in Isa(program.config).descriptor]
    for name in fields:
        found = re.findall(rf"^    {name} +\S+", text, re.MULTILINE)
        assert len(found) == len(program.chunks)
