"""The PyTorch example from the network that was exported on: its figures, and the same bits in
RTL."""

import ast
import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import accel as project
from accel.quantization.saturation import saturates
from tests.cli.conftest import accel  # noqa: F401 -- a fixture

FOLDER = Path(__file__).resolve().parents[2] / "examples/pytorch"
README = (FOLDER / "README.md").read_text()
BOARD = "icebreaker"
IN_RTL = 4


@pytest.fixture
def quantized(accel, tmp_path):  # noqa: F811
    """The quantized network and the command's report."""
    options = ("-c", FOLDER / "calibration.npz", "--test", FOLDER / "test.npz", "-b", BOARD)
    outputs = ("-o", tmp_path / "digits_int8.onnx", "--json", tmp_path / "report.json")
    code, output, errors = accel("quantize", FOLDER / "digits_float.onnx", *options, *outputs)
    assert code == 0, output + errors
    return tmp_path / "digits_int8.onnx", json.loads((tmp_path / "report.json").read_text())


@pytest.mark.skipif(saturates(), reason="ONNX Runtime's sums saturate on this processor")
@pytest.mark.xdist_group("icebreaker")
def test_figures_are_the_readmes_and_all_executors_agree(quantized):
    model, report = quantized
    for who, name in (
        ("float32", "float32, ONNX Runtime"),
        ("int8_onnxruntime", "int8, ONNX Runtime"),
        ("int8_accel", "int8, accel"),
    ):
        accuracy = 100 * report["test"]["accuracy"][who]
        size = report["bytes"]["float32" if who == "float32" else "int8"]
        assert f"| {name} | {accuracy:.2f} % | {size / 1e3:.1f} kB |" in README
    assert report["test"]["elements_differing_from_onnxruntime"] == 0
    assert f"{report['test']['elements']:,} output values" in README

    with np.load(FOLDER / "test.npz") as archive:
        x, y = archive["x"], archive["y"]
    program = project.compile(model, board=BOARD)
    assert program.code.partition.core
    with contextlib.closing(program):
        machine = program.run(x, "machine", layers=True)
        reference = program.run(x, "reference", layers=True)
        rtl = program.run(x[:IN_RTL], "rtl", layers=True)
    assert set(rtl.layers) == set(machine.layers) == set(reference.layers)
    for name, expected in reference.layers.items():
        np.testing.assert_array_equal(machine.layers[name], expected)
        np.testing.assert_array_equal(rtl.layers[name], expected[:IN_RTL])
    right = (machine.output.argmax(axis=1) == y).mean()
    assert right == report["test"]["accuracy"]["int8_accel"]
    for layer in rtl.report.layers:
        assert layer.cycles == layer.cycles_model


def test_images_are_those_that_training_would_split_off():
    tree = ast.parse((FOLDER / "train.py").read_text())  # which cannot be imported without torch
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    digits = load_digits()
    images = (digits.images[:, np.newaxis] / 16).astype(np.float32)
    options = {"test_size": constants["TEST_FRACTION"], "random_state": constants["SEED"]}
    x, test_x, _, test_y = train_test_split(
        images, digits.target, stratify=digits.target, **options
    )
    with np.load(FOLDER / "calibration.npz") as archive:
        np.testing.assert_array_equal(archive["x"], x[: constants["CALIBRATION"]])
    with np.load(FOLDER / "test.npz") as archive:
        np.testing.assert_array_equal(archive["x"], test_x)
        np.testing.assert_array_equal(archive["y"], test_y)


def test_commands_of_the_readme_are_commands(accel):  # noqa: F811
    names = re.findall(r"^    accel (\w+)", README, re.MULTILINE)
    assert names == ["quantize", "check", "run", "run", "build"]
    for name in set(names):
        assert accel(name, "--help")[0] == 0
