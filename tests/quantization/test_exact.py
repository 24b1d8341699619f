"""Scales that no division rounds by are moved a little, and then the network runs on the core."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from accel import api
from accel.compiler.diagnostics import CannotCompile
from accel.quantization import exact
from accel.quantization.exact import STEP, STEPS, settled
from accel.quantization.quantizer import Quantized
from tests.support.networks.onnx.floating import calibration, small, weights
from tests.support.networks.onnx.operators import Model

from .test_quantizer import differing, quantized

WIDE = 768  # inputs; many sums have the same code then
CHANNELS = 12


def wide() -> Model:
    m = Model((WIDE,), np.float32, np.random.default_rng(0), np.float32)
    weights(m, "w", (CHANNELS, WIDE))
    weights(m, "b", (CHANNELS,))
    m.constants["w"] *= np.geomspace(0.05, 1, CHANNELS, dtype=np.float32)[:, None]
    m.add("Gemm", ["x", "w", "b"], ["y"], transB=1)
    return m


def scales(made: Quantized) -> dict[str, np.ndarray]:
    initializers = onnx.load_model_from_string(made.data).graph.initializer
    return {t.name: numpy_helper.to_array(t) for t in initializers if "scale" in t.name}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return quantized(wide(), tmp_path_factory.mktemp("exact"), wide().inputs(16))


@pytest.fixture(scope="module")
def after(made):
    return settled(made, "net.onnx")


def test_a_network_that_could_not_be_compiled_can_be(made, after):
    with pytest.raises(CannotCompile, match="cannot be requantized exactly"):
        api.compile(made.graph, exact=True)
    x = wide().inputs(20)
    program = api.compile(after.graph)
    np.testing.assert_array_equal(program.run(x).output, program.run(x, "reference").output)
    assert differing(after, x) == 0


def test_only_scales_of_weights_move_and_only_a_little(made, after):
    one, other = scales(made), scales(after)
    moved = {name: (one[name] != other[name]).sum() for name in one}
    assert moved.keys() == other.keys()
    assert [name for name, count in moved.items() if count] == ["w_scale"]
    assert 0 < after.moved == moved["w_scale"] < CHANNELS
    np.testing.assert_allclose(other["w_scale"], one["w_scale"], rtol=(STEPS + 1) * STEP, atol=0)
    proto = onnx.load_model_from_string(made.data)
    for tensor in proto.graph.initializer:
        if tensor.name == "w_scale":
            tensor.CopyFrom(numpy_helper.from_array(other["w_scale"], tensor.name))
    assert proto.SerializeToString() == after.data


def test_what_can_be_rounded_by_stays_as_the_quantizer_made_it(tmp_path):
    made = quantized(small(), tmp_path, calibration())
    assert settled(made, "net.onnx") is made


def test_where_no_scale_will_do_the_quantizers_stays(made, monkeypatch):
    monkeypatch.setattr(exact, "STEPS", 0)
    assert settled(made, "net.onnx") is made
