"""The commands take ONNX files as they take TFLite's."""

import json

import numpy as np
import pytest

from accel.api import compile
from tests.cli.conftest import MODEL
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime


def network() -> Model:
    """A convolution of uint8 codes, and a matrix product."""
    m = Model((3, 8, 8), np.uint8, np.random.default_rng(1), np.uint8)
    x = m.quantization("x", np.uint8, 0.05)
    w = [
        m.constant("w", m.codes((8, 3, 3, 3), np.int8)),
        m.constant("w_scale", m.random.uniform(0.003, 0.01, 8), np.float32),
        m.constant("w_zero_point", np.zeros(8), np.int8),
    ]
    middle = m.quantization("middle", np.uint8, 0.8)
    m.add("QLinearConv", ["x", *x, *w, *middle], ["c"], kernel_shape=[3, 3], strides=[2, 2])
    m.add("Flatten", ["c"], ["f"])
    v = [
        m.constant("v", m.codes((72, 5), np.int8)),
        m.constant("v_scale", 0.00731, np.float32),
        m.constant("v_zero_point", 0, np.int8),
    ]
    m.add("QLinearMatMul", ["f", *middle, *v, *m.quantization("y", np.uint8, 13.0)], ["y"])
    return m


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "small.onnx"
    path.write_bytes(network().bytes())
    return path


def test_check_says_what_runs_where(accel, model):
    code, output, errors = accel("check", model, "--board", "icebreaker")
    assert code == 0, output + errors
    for name in ("conv2d_0", "QLinearConv", "fully_connected_2", "QLinearMatMul"):
        assert name in output


def test_run_answers_as_the_runtime_does(accel, model, tmp_path):
    m = network()
    x = m.inputs(5)
    np.save(tmp_path / "x.npy", x)
    (expected,) = onnx_runtime(m.bytes(), {"x": x})
    for executor in ("reference", "machine"):
        y, report = tmp_path / "y.npy", tmp_path / "report.json"
        options = ("-i", tmp_path / "x.npy", "-o", y, "-e", executor, "--json", report)
        code, _, errors = accel("run", model, *options, "--contract", "onnx")
        assert code == 0, errors
        np.testing.assert_array_equal(np.load(y), expected)
        assert json.loads(report.read_text())["contract"] == "onnx"


def test_operators_of_a_file_that_cannot_be_used_are_listed(accel, tmp_path):
    m = Model((4,), np.uint8, np.random.default_rng(0), np.uint8)
    m.add(
        "QLinearSigmoid",
        ["x", *m.quantization("x", np.uint8), *m.quantization("y", np.uint8)],
        ["a"],
    )
    m.add("Einsum", ["a"], ["y"], equation="ni->ni")
    path = tmp_path / "bad.onnx"
    path.write_bytes(m.bytes())
    code, output, errors = accel("check", path)
    assert code == 2
    first, second = (line for line in output.splitlines() if line.startswith("│"))
    assert "QLinearSigmoid" in first
    assert "yes" in first
    assert "Einsum" in second
    assert "no" in second
    assert "operator 1 (Einsum): is not supported" in errors


@pytest.mark.parametrize("contract", ["tflm", "single", "sloppy"])
def test_other_contracts_are_refused(refused, model, contract):
    message = f"small.onnx: cannot be held to the contract {contract!r}, which no ONNX runtime has"
    assert " ".join(refused("check", model, "--contract", contract).split()).startswith(message)


def test_a_contract_can_be_chosen_for_a_tflite_file():
    assert compile(MODEL).report().as_dict()["contract"] == "tflm"
    report = compile(MODEL, contract="single").report()
    assert report.as_dict()["contract"] == "single"
