"""A program file comes back whole or is refused."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.compiler.memory.flash_image import image_of
from accel.compiler.program.program_file import (
    _SECTION,
    BadImage,
    is_program_file,
    load_program,
    opened,
    sealed,
)
from accel.config import AcceleratorConfig

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits"


@pytest.fixture(scope="module")
def program():
    config = AcceleratorConfig(rows=4, columns=4, format="int8_int4")
    return accel.compile(DIGITS / "digits_int4.tflite", config=config)


@pytest.fixture
def file(program, tmp_path):
    path = tmp_path / "program.bin"
    program.save(path)
    return path


def test_what_is_saved_comes_back(program, file):
    loaded, code = load_program(file), program.code
    assert loaded.name == "digits_int4"
    assert loaded.config == program.config
    for ours, theirs in zip(loaded.chunks, code.chunks, strict=True):
        assert (ours.bank, ours.address, ours.data) == (theirs.bank, theirs.address, theirs.data)
    (given,), (wanted,) = loaded.inputs, code.inputs
    np.testing.assert_array_equal(given.index, wanted.index)
    assert (given.tensor, given.source, given.pad) == (wanted.tensor, wanted.source, wanted.pad)
    for name in code.partition.outputs:
        assert loaded.placement(name) == code.placement(name)
    assert loaded.pieces == code.pieces
    assert [layer.name for layer in loaded.commands] == [c.name for c in code.commands]


def test_what_is_copied_lies_in_the_flash_image_alone(tmp_path):
    config = AcceleratorConfig(bank_words=1024, flash_lanes=4)
    program = accel.compile(DIGITS / "digits_int8.tflite", config=config)
    program.save(tmp_path / "program.bin")
    code, loaded = program.code, load_program(tmp_path / "program.bin")
    assert loaded.flash == code.flash
    found = [(c.bank, c.address, c.data) for c in loaded.contents]
    assert found == [(c.bank, c.address, c.data) for c in code.contents]
    prefetched = [chunk for chunk in code.chunks if chunk.prefetched]
    assert prefetched and not {(c.bank, c.address) for c in prefetched} & {f[:2] for f in found}
    assert [c.data for c in loaded.chunks] == [c.data for c in code.chunks]
    pairs = zip(loaded.transfers, code.transfers, strict=True)
    assert all((a and a.words) == (b and b.words) for a, b in pairs)


def test_the_core_s_part_is_the_flash_image_alone(program, file):
    image, text, binary = opened(file.read_bytes())
    assert image == image_of(program.code.contents, program.config)
    assert file.read_bytes() == sealed(image, text, binary)


def test_the_same_program_makes_the_same_bytes_opened_or_compiled(program, file, tmp_path):
    program.save(tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == file.read_bytes()
    accel.open(file).save(tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == file.read_bytes()


def test_every_cut_and_every_flipped_byte_is_refused(file):
    data = file.read_bytes()
    image, text, _ = opened(data)
    section, described = len(image), len(image) + _SECTION.size + 8
    borders = {section, section + 8, section + 12, section + 16, described, described + len(text)}
    near = {border + step for border in borders for step in (-1, 0, 1)}
    positions = {*range(64), *near, *range(64, len(data), 211), len(data) - 4, len(data) - 1}
    for position in sorted(positions):
        file.write_bytes(data[:position])
        with pytest.raises(BadImage, match=r"is not a program file|is cut off|bytes instead of"):
            load_program(file)
        file.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(BadImage):
            load_program(file)


def test_lengths_beyond_the_file_are_refused_before_anything_is_made_of_them(file):
    data = file.read_bytes()
    section = len(opened(data)[0])
    for place in (28, section + 12, section + 16):  # the lengths of image, JSON and arrays
        for length in (0, 2**31, 2**32 - 1):
            changed = bytearray(data)
            struct.pack_into("<I", changed, place, length)
            changed[-4:] = struct.pack("<I", zlib.crc32(changed[:-4]))
            file.write_bytes(changed)
            with pytest.raises(BadImage, match=r"is cut off|bytes instead of"):
                load_program(file)


def test_another_version_is_refused_with_both_numbers(file):
    data = bytearray(file.read_bytes())
    section = len(opened(bytes(data))[0])
    data[section + 8] = 1
    file.write_bytes(data)
    with pytest.raises(BadImage, match=r"section of version 1, this is a reader of version 3"):
        load_program(file)
    data[8] = 1
    file.write_bytes(data)
    with pytest.raises(BadImage, match=r"format version 1, this is a reader of version 4"):
        load_program(file)


def test_a_file_without_a_section_is_told_how_to_get_one(file):
    image, _, binary = opened(file.read_bytes())
    old = image + struct.pack("<II", 2, len(binary)) + b"{}" + binary
    file.write_bytes(old + struct.pack("<I", zlib.crc32(old)))
    with pytest.raises(BadImage) as caught:
        load_program(file)
    assert str(caught.value) == (
        f"{file}: is of an earlier accel, and cannot be run without its model; compile the network "
        "again, with `accel compile MODEL -o DIR`"
    )


def changes(description: dict) -> list[dict]:
    """Fields that do not agree with the others, of each part of a description."""
    network, (output,) = description["network"], description["outputs"]
    (given,), layers = description["inputs"], description["layers"]
    (softmax,), tensors = network["after"], network["tensors"]
    (segment,) = network["segments"]
    chunk = description["chunks"][0]
    far = {"offset": 0, "size": 1 << 40, "dtype": "uint8", "shape": [1 << 40]}

    def in_network(**changed):
        return {"network": network | changed}

    def in_layer(**changed):
        return {"layers": [layers[0] | changed, *layers[1:]]}

    return [
        {"configuration": {"rows": 999}},
        {"configuration": None},
        {"configuration": description["configuration"] | {"unknown": 1}},
        {"configuration": description["configuration"] | {"weight_steps": 512}},
        {"chunks": [chunk | {"bank": 3}]},
        {"chunks": [chunk | {"bank": 2, "data": None}]},
        {"chunks": [chunk | {"address": 1 << 40}]},
        {"chunks": [chunk | {"size": 1 << 40, "data": far}]},
        {"chunks": [chunk | {"data": chunk["data"] | {"offset": -4}}]},
        {"chunks": []},
        {"chunks": 3},
        {"inputs": [{}]},
        {"inputs": [given | {"source": "nobody"}]},
        {"inputs": [given | {"address": 1 << 20}]},
        {"inputs": [given | {"pad": 128}]},
        {"outputs": []},
        {"outputs": [output, output]},
        {"outputs": [output | {"root": "nobody"}]},
        {"outputs": [output | {"layout": output["layout"] | {"channels": 11}}]},
        {"outputs": [output | {"layout": output["layout"] | {"height": 1 << 40}}]},
        {"pieces": []},
        {"pieces": [description["pieces"][0] | {"words": 1 << 30}]},
        {"pieces": [description["pieces"][0] | {"after": 99}]},
        in_layer(parts=0),
        in_layer(macs=-1),
        in_layer(output="nobody", chunk=layers[1]["chunk"] | {"address": 3}),
        in_layer(figures=layers[0]["figures"] | {"cycles": 0}),
        in_network(outputs=["nobody"]),
        in_network(inputs=[]),
        in_network(batch=0),
        in_network(segments=[]),
        in_network(segments=[segment | {"first_layer": 1}]),
        in_network(segments=[segment, segment]),
        in_network(segments=[segment | {"inputs": []}]),
        in_network(segments=[segment | {"outputs": []}]),
        in_network(segments=[segment | {"driver": [softmax]}]),
        in_network(after=[]),
        in_network(after=[softmax | {"operator": "os.system"}]),
        in_network(after=[softmax | {"inputs": ["nobody"]}]),
        in_network(after=[softmax | {"attributes": {"beta": 1.0, "more": 1}}]),
        in_network(after=[softmax | {"attributes": {}}]),
        in_network(tensors=[tensors[0] | {"shape": [1, 1 << 40]}, *tensors[1:]]),
        in_network(tensors=[tensors[0] | {"shape": [1, 8, 7, 1]}, *tensors[1:]]),
        in_network(tensors=[one | {"quantization": None} for one in tensors]),
        {"labels": "ten"},
        {"used_words": [1, 1]},
        {"contract": "mine"},
    ]


def test_a_description_that_makes_no_sense_is_refused(file):
    image, text, binary = opened(file.read_bytes())
    description = json.loads(text)
    for change in changes(description):
        file.write_bytes(sealed(image, json.dumps(description | change).encode(), binary))
        with pytest.raises(BadImage, match=r"`accel compile MODEL -o DIR`") as caught:
            accel.open(file)
        assert len(str(caught.value)) < 1000
    for text in (b"[]", b"{}", b"nonsense", b"[" * 100_000, b"\xff"):
        file.write_bytes(sealed(image, text, binary))
        with pytest.raises(BadImage):
            load_program(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadImage, match=r"nothing\.bin: cannot be read \(No such file"):
        load_program(tmp_path / "nothing.bin")


def test_a_program_file_is_known_by_what_is_in_it(file, tmp_path):
    (tmp_path / "net.tflite").write_bytes(file.read_bytes())
    (tmp_path / "other.bin").write_bytes((DIGITS / "digits_int4.tflite").read_bytes())
    assert is_program_file(file)
    assert is_program_file(tmp_path / "net.tflite")
    assert not is_program_file(tmp_path / "other.bin")
    assert not is_program_file(tmp_path / "nothing.bin")
    assert not is_program_file(tmp_path)
