"""What is asserted of a network, and what is said where it does not hold."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.sim.assertions import assert_accuracy, assert_cycles, assert_golden

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
SAMPLES = 4


@pytest.fixture(scope="module")
def program():
    with accel.compile(DIGITS / "digits_int8.tflite") as program:
        yield program


@pytest.fixture(scope="module")
def images():
    with np.load(DIGITS / "test_images.npz") as archive:
        return archive["x"][:SAMPLES], archive["y"][:SAMPLES]


@pytest.fixture(scope="module")
def result(program, images):
    return program.run(images[0], layers=True)


def test_a_budget_is_kept_up_to_its_last_cycle(program, result):
    cycles = program.report().cycles
    for tested in (program, result):
        assert_cycles(tested, most=cycles)
        with pytest.raises(AssertionError, match=f"1 over the budget of {cycles - 1:,}") as failed:
            assert_cycles(tested, most=cycles - 1)
    rows = str(failed.value).splitlines()[2:]
    shown = {row.split()[0]: int(row.split()[-3].replace(",", "")) for row in rows}
    assert sum(shown.values()) == 2 * shown["one"] == 2 * cycles
    assert list(shown)[:-1] == [layer.name for layer in result.report.layers]


@pytest.mark.parametrize("most", [0, -1, 2.5, True, "7"])
def test_a_budget_is_a_number_of_cycles(program, most):
    with pytest.raises(ValueError, match=f"^most must be a number of cycles from 1, not {most!r}$"):
        assert_cycles(program, most=most)


def test_only_programs_and_results_have_cycles():
    with pytest.raises(TypeError, match=r"^a program or a result must be given, not str$"):
        assert_cycles("model.tflite", most=1)


def test_an_accuracy_is_kept_up_to_its_last_sample(program, images):
    x, labels = images
    wrong = labels.copy()
    wrong[2] += 1
    assert_accuracy(program, x, wrong, at_least=0.75)
    said = (
        rf"3 of 4 samples right, 75\.00 %, at least 75\.10 % should be\n"
        rf"  wrong: 2 \(is {labels[2]}, should be {wrong[2]}\)\n"
        r"  every layer of these equals the reference: it is the network that is wrong"
    )
    with pytest.raises(AssertionError, match=said):
        assert_accuracy(program, x, wrong, at_least=0.751)


def test_a_core_that_is_wrong_is_told_from_a_network_that_is(program, images, monkeypatch):
    x, labels = images
    run = program.run

    def broken(inputs, executor="machine", **options):
        result = run(inputs, executor, **options)
        if executor != "reference":
            result.output[:] = 0
            if result.layers:
                result.layers["conv2d_4"][0, 0, 1, 2] ^= 1
        return result

    monkeypatch.setattr(program, "run", broken)
    said = (
        r"machine differs from the reference: conv2d_4 is the first of \d+ to differ: 1 of .*\n"
        r"  first at \[0, 0, 1, 2\]"
    )
    with pytest.raises(AssertionError, match=said):
        assert_accuracy(program, x, labels, at_least=1)


def test_a_program_without_its_model_says_that_layers_are_not_compared(program, images, tmp_path):
    program.save(tmp_path / "program.bin")
    with (
        accel.open(tmp_path / "program.bin") as opened,
        pytest.raises(AssertionError, match="has no model with it, so its layers are not compared"),
    ):
        assert_accuracy(opened, images[0], (images[1] + 1) % 10, at_least=0.5)


@pytest.mark.parametrize(
    ("labels", "at_least", "message"),
    [
        ([0] * SAMPLES, 95, "at_least must be a share from 0 to 1, not 95"),
        ([[0, 1]] * SAMPLES, 0.5, "labels must be .* of shape [N].*, not int64 [4, 2]"),
        ([0.5] * SAMPLES, 0.5, "labels must be .*, not float64 [4]"),
        ([0] * 3, 0.5, "3 labels must be one for each of 4 samples"),
    ],
    ids=["percent", "one-hot", "float", "too-few"],
)
def test_labels_that_are_none_are_refused(program, images, labels, at_least, message):
    message = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(ValueError, match=f"^{message}"):
        assert_accuracy(program, images[0], np.array(labels), at_least=at_least)


def changed(result, **arrays):
    """A copy of the result, with elements of layers and outputs increased."""
    layers = {name: array.copy() for name, array in result.layers.items()}
    outputs = {name: array.copy() for name, array in result.outputs.items()}
    for name, index in arrays.items():
        (layers if name in layers else outputs)[name][index] ^= 1
    return dataclasses.replace(result, layers=layers, outputs=outputs)


def test_a_golden_file_holds_every_element(result, tmp_path):
    path = tmp_path / "golden/digits.npz"
    with pytest.raises(AssertionError, match=r"no golden file .*--accel-update-golden$"):
        assert_golden(result, path)
    assert_golden(result, path, update=True)
    before = path.read_bytes()
    assert_golden(result, path)
    assert_golden(result, path, update=True)
    assert path.read_bytes() == before
    said = (
        r"conv2d_2 is the first of \d+ to differ: 1 of [\d,]+ elements\n  first at \[3, 1, 2, 0\]"
    )
    with pytest.raises(AssertionError, match=said):
        assert_golden(changed(result, conv2d_2=(3, 1, 2, 0)), path)


def test_a_result_without_layers_is_held_to_its_outputs(result, tmp_path):
    path = tmp_path / "digits.npz"
    assert_golden(result, path, update=True)
    bare = dataclasses.replace(result, layers={})
    assert_golden(bare, path)
    (name,) = result.outputs
    with pytest.raises(AssertionError, match="run both with layers=True to see the layer"):
        assert_golden(changed(bare, **{name: (0, 0)}), path)


@pytest.mark.parametrize("content", [b"", b"PK", b"{}", "objects", "array"])
def test_a_file_that_is_no_golden_file_is_refused(result, tmp_path, content):
    path = tmp_path / "digits.npz"
    if content == "objects":
        np.savez(path, **{"output y": np.array([object()])})
    elif content == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is no golden file .*write it with: pytest --accel-upd"):
        assert_golden(result, path)


def test_a_golden_file_has_its_ending(result, tmp_path):
    with pytest.raises(ValueError, match=r"digits: a golden file must be called NAME\.npz$"):
        assert_golden(result, tmp_path / "digits", update=True)
