"""``accel run``, ``load`` and ``compile --labels``: a program file is all that it takes."""

import json

import numpy as np
import pytest

import accel as project

from .conftest import DIGITS, MODEL

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture
def program(accel, tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    words = ("-o", tmp_path / "out", "--labels", tmp_path / "names.txt")
    code, _, errors = accel("compile", MODEL, *words)
    assert code == 0, errors
    return tmp_path / "out" / "program.bin"


def test_it_is_known_by_its_content_and_answers_as_the_model(accel, program, tmp_path):
    moved = program.rename(tmp_path / "anything.tflite")
    x = DIGITS / "test_images.npz"
    for source, name in ((MODEL, "a"), (moved, "b")):
        files = ("-o", tmp_path / f"{name}.npy", "--json", tmp_path / f"{name}.json")
        code, said, errors = accel("run", source, "-i", x, *files)
        assert code == 0, errors
    assert "seven (0.996)" in said  # the file's own names
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))
    ours, alone = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab")
    named = alone["classification"].pop("class_names")
    assert (named, ours["classification"].pop("class_names")) == (NAMES, None)
    assert (ours.pop("memory") > 0, alone.pop("memory")) == (True, None)
    assert ours == alone


def test_a_timeline_needs_no_model_and_a_page_does(accel, refused, program, digits, tmp_path):
    files = ("-i", digits, "-o", tmp_path / "y.npy")
    code, _, errors = accel("run", program, *files, "--trace", tmp_path / "trace.json")
    assert code == 0, errors
    assert json.loads((tmp_path / "trace.json").read_text())
    for option, value in (("--html", "page.html"), ("--layers", "layers")):
        said = refused("run", program, *files, option, tmp_path / value)
        assert said.startswith(f"digits_int8: {option} needs the network itself, which a program")
        assert f"`accel run MODEL -i X.npy -o Y.npy {option} " in said
    said = refused("run", program, *files, "-e", "reference")
    assert "executor reference needs the network itself" in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--rows", "8"), "--rows"),
        (("--set", "weight_steps=512"), "--set weight_steps"),
        (("--contract", "single"), "--contract"),
        (("--no-fuse", "--exact"), "--no-fuse, --exact"),
    ],
)
def test_options_of_a_compilation_are_refused(options, named, refused, program, digits, tmp_path):
    said = refused("run", program, "-i", digits, "-o", tmp_path / "y.npy", *options)
    assert said == (
        f"{named}: is for a model, which is compiled; {program} is a program file, which has been"
    )


def test_a_damaged_one_is_refused_with_what_to_do(refused, program, digits, tmp_path):
    data = program.read_bytes()
    program.write_bytes(data[:-9] + b"damage" + data[-3:])
    for command in (("run", program, "-i", digits, "-o", tmp_path / "y.npy"), ("live", program)):
        said = refused(*command, *(("--folder", tmp_path) if command[0] == "live" else ()))
        assert said == (
            f"{program}: is damaged: its CRC is wrong; compile the network again, with `accel "
            "compile MODEL -o DIR`"
        )


def test_commands_that_take_models_say_what_it_is(accel, refused, program):
    said = refused("compile", program, "-o", program.parent / "again")
    assert "is a program file of `accel compile`, not a model" in said
    assert "`accel run`, `accel live` and `accel load`" in said


def test_names_of_classes_are_one_for_each(refused, tmp_path):
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    said = refused("compile", MODEL, "-o", tmp_path / "o", "--labels", tmp_path / "names.txt")
    assert "names.txt: has 2 names, and the network 10 classes; give a name for each" in said
    np.save(tmp_path / "y.npy", np.arange(10))
    said = refused("compile", MODEL, "-o", tmp_path / "o", "--labels", tmp_path / "y.npy")
    assert "y.npy: has no names of classes; give a name for each class, a line each" in said
    assert not (tmp_path / "o").exists()


def test_the_board_is_the_file_s_unless_another_is_given(accel, refused, program):
    assert project.open(program).board == "icebreaker"
    said = refused("load", program, "-p", program.parent / "no_port", "-b", "nothing")
    assert said.startswith("Board must be one of ")
