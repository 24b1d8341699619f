"""Narrow weights are the nearest ones, and the file that has them is read with exactly these
codes."""

import itertools

import numpy as np
import pytest

from accel.compiler.graph import interpreter
from accel.quantization import preparation
from accel.quantization.fit import fitted
from accel.quantization.low_bit import int4_codes, rewritten, rounded, ternary_codes
from accel.quantization.model import read_model
from accel.quantization.quantizer import Quantized, Settings, quantize
from tests.support.networks.onnx.floating import calibration, small
from tests.support.oracles.onnx import onnx_runtime

CODES = {"int4": 7, "ternary": 1}


def squared(rows: np.ndarray, codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return ((codes * scale[:, None] - rows) ** 2).sum(axis=1)


def test_ternary_codes_have_the_least_error_of_all():
    rows = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    codes, scale = ternary_codes(rows)
    for row, error in zip(rows, squared(rows, codes, scale), strict=True):
        every = np.array([c for c in itertools.product((-1, 0, 1), repeat=5) if any(c)])
        best = np.maximum((every @ row) / (every**2).sum(axis=1), 0)
        assert error <= squared(row[None], every, best).min() + 1e-6


def test_int4_codes_beat_those_that_clip_nothing():
    rows = np.random.default_rng(1).normal(size=(8, 200)).astype(np.float32)
    codes, scale = int4_codes(rows)
    assert np.abs(codes).max() == 7
    plain = np.abs(rows).max(axis=1) / 7
    assert (
        squared(rows, codes, scale) < squared(rows, np.rint(rows / plain[:, None]), plain)
    ).all()


@pytest.mark.parametrize("rounded", [int4_codes, ternary_codes])
def test_channels_of_zeros_stay_zero(rounded):
    codes, scale = rounded(np.zeros((2, 9), np.float32))
    assert not codes.any()
    assert (scale > 0).all()


def made_of(folder, kind: str, **settings) -> tuple[Quantized, list]:
    path = folder / "net.onnx"
    path.write_bytes(small().bytes())
    model, x = read_model(path), calibration(60)
    prepared = preparation.folded(preparation.fixed(model), model.name)
    given = Settings(weights=kind, **settings)
    low_bit, layers = rounded(prepared, kind, given.per_tensor)
    layers = fitted(prepared, low_bit, layers, x, model.name)
    made = quantize(low_bit, model.name, x, given)
    return rewritten(made, layers, low_bit, model.name), layers


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("form", ["qop", "qdq"])
@pytest.mark.parametrize("per_tensor", [False, True])
def test_the_file_has_the_codes_and_answers_as_the_runtime(kind, form, per_tensor, tmp_path):
    made, layers = made_of(tmp_path, kind, form=form, per_tensor=per_tensor)
    weights = [made.graph.tensor(n.inputs[1]) for n in made.graph if len(n.inputs) == 3]
    assert len(weights) == len(layers) == 2
    for tensor, layer in zip(weights, layers, strict=True):
        assert np.abs(tensor.data).max() == CODES[kind]
        assert sorted(tensor.data.reshape(-1)) == sorted(layer.codes.reshape(-1))
        assert tensor.quantization.scale == tuple(layer.scale.reshape(-1).tolist())
        assert (len(tensor.quantization.scale) == 1) == per_tensor
    x = calibration(20, seed=2)
    ours = interpreter.run(made.graph, x)[made.graph.outputs[0]]
    theirs = np.concatenate([onnx_runtime(made.data, {"x": sample[None]})[0] for sample in x])
    assert int((ours != theirs).sum()) == 0


def test_fitting_brings_answers_nearer(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(small().bytes())
    model, x = read_model(path), calibration(60)
    prepared = preparation.folded(preparation.fixed(model), model.name)
    low_bit, layers = rounded(prepared, "ternary", False)
    test = calibration(20, seed=2)

    def distance() -> float:
        answers = [
            np.concatenate(
                [onnx_runtime(p.SerializeToString(), {"x": sample[None]})[0] for sample in test]
            )
            for p in (prepared, low_bit)
        ]
        return float(((answers[0] - answers[1]) ** 2).mean())

    before, told = distance(), []
    fitted(prepared, low_bit, layers, x, model.name, told.append)
    assert distance() < before / 2
    assert told == [1, 2]
