"""The transformer of the examples: exact on the core, where all its products are computed."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.compiler.frontends import load
from accel.compiler.graph.interpreter import run
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/attention"
MODEL = EXAMPLE / "attention_int8.tflite"
HELD_OUT = np.load(EXAMPLE.parent / "digits/test_images.npz")


def test_the_model_equals_the_oracle_and_has_its_accuracy():
    graph = load(MODEL)
    answers = run(graph, HELD_OUT["x"])[graph.outputs[0]]
    np.testing.assert_array_equal(answers, tflm(MODEL.read_bytes(), HELD_OUT["x"]))
    accuracy = (answers.argmax(axis=1) == HELD_OUT["y"]).mean()
    assert f"| int8 | {100 * accuracy:.2f} % |" in (EXAMPLE / "README.md").read_text()
    assert MODEL.stat().st_size < 100_000


def test_no_zero_point_of_an_activation_is_0():
    tensors = [tensor for tensor in load(MODEL).tensors.values() if not tensor.constant]
    assert all(tensor.quantization.zero_point != (0,) for tensor in tensors)


@pytest.mark.parametrize(
    "board", [pytest.param("ulx3s_85f", marks=pytest.mark.xdist_group("ulx3s_85f")), "icebreaker"]
)
def test_all_products_run_on_the_core_and_are_exact(board):
    program = accel.compile(MODEL, board=board)
    driver = {node.operator for node in program.code.partition.driver}
    assert driver <= {"softmax", "reshape"}
    expected = tflm(MODEL.read_bytes(), HELD_OUT["x"][:60], all_tensors=True)
    assert_layers(program, "machine", HELD_OUT["x"][:60], expected)
    first = {name: values[:2] for name, values in expected.items()}
    execution = assert_layers(program, "rtl", HELD_OUT["x"][:2], first)
    assert_cycles(program.code, execution.layers)


def test_training_makes_the_file(tmp_path):
    command = [sys.executable, EXAMPLE / "train.py", "--epochs", "1", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.findall(r"^(float32|int8): 0\.\d+", done.stdout, re.MULTILINE) == ["float32", "int8"]
    load(tmp_path / MODEL.name)
