"""The digits example: its files are what it says they are, and it can make them again."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accel.compiler.frontends import load
from accel.compiler.graph.interpreter import run
from tests.support.oracles.tflm import tflm

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
MODELS = {"int8": "98.33", "int4": "98.89"}  # accuracy in percent, as the README has it


@pytest.mark.parametrize("dtype", MODELS)
def test_model_equals_the_oracle_and_its_accuracy(dtype):
    path = DIGITS / f"digits_{dtype}.tflite"
    graph, held_out = load(path), np.load(DIGITS / "test_images.npz")
    answers = run(graph, held_out["x"])[graph.outputs[0]]
    np.testing.assert_array_equal(answers, tflm(path.read_bytes(), held_out["x"]))
    accuracy = (answers.argmax(axis=1) == held_out["y"]).mean()
    assert f"{100 * accuracy:.2f}" == MODELS[dtype]
    assert f"| {dtype} weights | {MODELS[dtype]} % |" in (DIGITS / "README.md").read_text()


@pytest.mark.parametrize("dtype", MODELS)
def test_weights_have_the_type_of_the_name(dtype):
    graph = load(DIGITS / f"digits_{dtype}.tflite")
    weights = [graph.tensor(node.inputs[1]) for node in graph if len(node.inputs) == 3]
    assert len(weights) == 8
    assert {tensor.dtype for tensor in weights} == {dtype}


def test_training_makes_the_files(tmp_path):
    command = [sys.executable, DIGITS / "train.py", "--epochs", "2", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = re.findall(r"^(float32|int8|int4)\b.*: 0\.\d+", done.stdout, re.MULTILINE)
    assert lines == ["float32", "int8", "int4"]
    for name in ("digits_int8.tflite", "digits_int4.tflite"):
        load(tmp_path / name)
    committed, made = (np.load(p / "test_images.npz") for p in (DIGITS, tmp_path))
    np.testing.assert_array_equal(made["x"], committed["x"])
    np.testing.assert_array_equal(made["y"], committed["y"])
