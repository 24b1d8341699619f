"""A program file comes back whole or is refused."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.memory.flash_image import image_of
from accel.compiler.program.program_file import _LENGTHS, BadImage, load_image, save
from accel.config import AcceleratorConfig

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits"


@pytest.fixture(scope="module")
def program():
    config = AcceleratorConfig(rows=4, columns=4, format="int8_int4")
    return compile_graph(load(DIGITS / "digits_int4.tflite"), config)


@pytest.fixture
def image(program, tmp_path):
    path = tmp_path / "program.bin"
    save(program, path)
    return path


def sealed(program, text: bytes, binary: bytes) -> bytes:
    data = image_of(program.chunks, program.config)
    data += _LENGTHS.pack(len(text), len(binary)) + text + binary
    return data + struct.pack("<I", zlib.crc32(data))


def parts(program, path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()[len(image_of(program.chunks, program.config)) :]
    text, binary = _LENGTHS.unpack_from(data)
    start = _LENGTHS.size
    return json.loads(data[start : start + text]), data[start + text : start + text + binary]


def test_what_is_saved_comes_back(program, image):
    loaded = load_image(image)
    assert loaded.name == "digits_int4"
    assert loaded.config == program.config
    for ours, theirs in zip(loaded.chunks, program.chunks, strict=True):
        assert (ours.bank, ours.address, ours.data) == (theirs.bank, theirs.address, theirs.data)
    (given,), (wanted,) = loaded.inputs, program.inputs
    np.testing.assert_array_equal(given["index"], wanted.index)
    place = program.placement(loaded.outputs[0]["name"])
    assert (place.bank, place.address) == tuple(loaded.outputs[0][k] for k in ("bank", "address"))
    assert [layer["name"] for layer in loaded.layers] == [c.name for c in program.commands]


def test_what_is_copied_lies_in_the_flash_image_alone(tmp_path):
    config = AcceleratorConfig(bank_words=1024, flash_lanes=4)
    program = compile_graph(load(DIGITS / "digits_int8.tflite"), config)
    save(program, tmp_path / "program.bin")
    loaded = load_image(tmp_path / "program.bin")
    assert loaded.flash == program.flash
    found = [(c.bank, c.address, c.data) for c in loaded.chunks]
    assert found == [(c.bank, c.address, c.data) for c in program.contents]
    assert found[0][:2] == (program.entries[0].bank, program.entries[0].address)
    prefetched = [chunk for chunk in program.chunks if chunk.prefetched]
    assert prefetched and not {(c.bank, c.address) for c in prefetched} & {f[:2] for f in found}
    for transfer in filter(None, program.transfers):
        end = transfer.chunk.address + transfer.chunk.size
        assert program.flash[end - transfer.size : end] == transfer.words


def test_the_same_program_makes_the_same_bytes(program, image, tmp_path):
    save(program, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == image.read_bytes()


def test_every_cut_and_every_flipped_byte_is_refused(image):
    data = image.read_bytes()
    positions = [*range(40), *range(40, len(data), 97), len(data) - 1]
    for position in positions:
        image.write_bytes(data[:position])
        with pytest.raises(BadImage, match=r"is not a program file|is cut off|bytes instead of"):
            load_image(image)
        image.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(BadImage):
            load_image(image)


def test_another_version_is_refused_with_both_numbers(image):
    data = bytearray(image.read_bytes())
    data[8] = 1
    image.write_bytes(data)
    with pytest.raises(BadImage, match=r"format version 1, this is a reader of version 4"):
        load_image(image)


def test_a_description_that_makes_no_sense_is_refused(program, image):
    description, binary = parts(program, image)
    changes = (
        {"configuration": {"rows": 999}},
        {"configuration": {"unknown": 1}},
        {"configuration": None},
        {"configuration": description["configuration"] | {"weight_steps": 512}},
        {"chunks": [{"bank": 2, "address": 0, "offset": 0, "size": 4}]},
        {"chunks": [{"bank": 2, "address": 32, "size": 4}]},
        {"chunks": [{"bank": 3, "address": 0, "offset": 0, "size": 4}]},
        {"chunks": [{"bank": 0, "address": 1 << 40, "offset": 0, "size": 4}]},
        {"chunks": [{"bank": 0, "address": 0, "offset": -4, "size": 4}]},
        {"chunks": [{"bank": 0, "address": 0, "offset": 0, "size": 1 << 40}]},
        {"chunks": 3},
        {"inputs": [{}]},
    )
    for change in changes:
        image.write_bytes(sealed(program, json.dumps(description | change).encode(), binary))
        with pytest.raises(BadImage):
            load_image(image)
    for text in (b"[]", b"{}", b"nonsense", b"[" * 100_000, b"\xff"):
        image.write_bytes(sealed(program, text, binary))
        with pytest.raises(BadImage):
            load_image(image)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadImage, match=r"nothing\.bin: cannot be read \(No such file"):
        load_image(tmp_path / "nothing.bin")
