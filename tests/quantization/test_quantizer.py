"""Quantized networks are read, answer as the runtime does, and come out the same again."""

import numpy as np
import pytest

from accel.compiler.graph import interpreter
from accel.quantization import preparation
from accel.quantization.model import read_model
from accel.quantization.quantizer import ACTIVATIONS, FORMS, METHODS, Quantized, Settings, quantize
from tests.support.networks.onnx.floating import calibration, small
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime


def quantized(m: Model, folder, x: np.ndarray, advance=None, **settings) -> Quantized:
    path = folder / "net.onnx"
    path.write_bytes(m.bytes())
    model = read_model(path)
    prepared = preparation.folded(preparation.fixed(model), model.name)
    return quantize(prepared, model.name, x, Settings(**settings), advance)


def differing(made: Quantized, x: np.ndarray) -> int:
    ours = interpreter.run(made.graph, x)[made.graph.outputs[0]]
    theirs = [onnx_runtime(made.data, {"x": sample[None]})[0] for sample in x]
    return int((ours != np.concatenate(theirs)).sum())


@pytest.mark.parametrize("method", METHODS)
def test_operators_on_codes_answer_as_the_runtime_does(method, tmp_path):
    made = quantized(small(), tmp_path, calibration(70), method=method)
    assert made.form == "qop"
    assert differing(made, calibration(20, seed=2)) == 0


@pytest.mark.parametrize("activations", ACTIVATIONS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_tensor", [False, True])
def test_each_setting_is_in_the_file(form, activations, per_tensor, tmp_path):
    settings = {"form": form, "activations": activations, "per_tensor": per_tensor}
    made = quantized(small(), tmp_path, calibration(), **settings)
    conv = next(node for node in made.graph if node.operator == "conv2d")
    x, weights = (made.graph.tensor(name) for name in conv.inputs[:2])
    assert (b"QLinearConv" in made.data) == (form == "qop")
    assert x.quantization.offset == (128 if activations == "u8" else 0)
    assert len(weights.quantization.scale) == (1 if per_tensor else 8)


def test_batch_normalization_is_folded(tmp_path):
    made = quantized(small(), tmp_path, calibration())
    operators = [node.operator for node in made.graph]
    assert [name for name in operators if name not in ("quantize", "dequantize", "reshape")] == [
        *("transpose", "conv2d", "mean", "fully_connected")
    ]


def test_the_same_input_makes_the_same_file(tmp_path):
    one, other = (quantized(small(), tmp_path, calibration()) for _ in range(2))
    assert one.data == other.data


def test_calibration_tells_how_far_it_is(tmp_path):
    told = []
    quantized(small(), tmp_path, calibration(40), told.append, method="percentile")
    assert told == list(range(1, 41))


def test_floats_between_operators_take_the_other_form(tmp_path):
    m = Model((2, 6, 6), np.float32, np.random.default_rng(0), np.float32)
    m.add("Tanh", ["x"], ["t"])
    m.add("Elu", ["t"], ["e"])
    m.add("GlobalAveragePool", ["e"], ["y"])
    made = quantized(m, tmp_path, calibration())
    assert made.form == "qdq"
    names = [node.operator for node in made.graph]
    assert {"tanh", "elu", "mean"} <= set(names)
