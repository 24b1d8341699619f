"""Layers that ONNX Runtime leaves in float32: what could differ is counted, told, and refused."""

import re

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.accumulation_order import order_sensitive
from accel.compiler.pipeline import CannotCompile
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import session

SAMPLES = 60


class Network(Draw):
    """A Relu, a layer, and a Relu after it, between quantizers of given scales."""

    def __init__(self, operator: str, source: float, result: float) -> None:
        super().__init__(np.random.default_rng(3))
        self.ports["x"] = (4, 6, 6), np.dtype(np.float32)
        self.scales = source, result
        real = self.quantized("x", source)
        real = self.quantized(self.add("Relu", [real]), source)
        real = self.quantized(self.layer(operator, real), result)
        q = [self.constant(result, np.float32), self.constant(3, np.int8)]
        codes = self.add("QuantizeLinear", [self.add("Relu", [real]), *q])
        self.outputs[self.add("DequantizeLinear", [codes, *q])] = np.dtype(np.float32)

    def quantized(self, real: str, scale: float) -> str:
        q = [self.constant(scale, np.float32), self.constant(3, np.int8)]
        return self.add("DequantizeLinear", [self.add("QuantizeLinear", [real, *q]), *q])

    def weights(self, *shape: int) -> str:
        codes = self.constant(self.random.integers(-128, 128, shape), np.int8)
        return self.add("DequantizeLinear", [codes, self.constant(0.01, np.float32)])

    def layer(self, operator: str, real: str) -> str:
        if operator in ("Conv", "Conv and Relu"):
            result = self.add("Conv", [real, self.weights(4, 4, 3, 3)], pads=[1] * 4)
            return result if operator == "Conv" else self.add("Relu", [result])
        if operator == "ConvTranspose":
            return self.add(operator, [real, self.weights(4, 2, 3, 3)])
        if operator == "AveragePool":
            return self.add(operator, [real], kernel_shape=[3, 3])
        if operator in ("ReduceMean", "ReduceSum"):
            axes = self.constant([2, 3], np.int64)
            return self.add(operator, [real, axes])
        return self.add(operator, [real])


def differing(network: Network) -> tuple[int, int]:
    """Codes that differ from the runtime's, and sums that are said to be undecided."""
    data = network.bytes()
    x = np.random.default_rng(5).uniform(-4, 4, (SAMPLES, 4, 6, 6)).astype(np.float32)
    running = session(data, "ALL")
    expected = np.concatenate([running.run(None, {"x": x[i : i + 1]})[0] for i in range(SAMPLES)])
    graph = read(data, "m.onnx")
    with accel.compile(graph, config=AcceleratorConfig()) as program:
        (found,) = program.run({"x": x}, "machine").outputs.values()
    steps = np.abs(found - expected) / network.scales[1]
    assert steps.max() < 1.001
    return int((steps > 0.001).sum()), sum(layer.sums for layer in order_sensitive(graph))


@pytest.mark.parametrize("operator", ["Conv", "AveragePool", "GlobalAveragePool"])
def test_layers_on_codes_are_equal_and_nothing_is_told(operator):
    assert differing(Network(operator, 0.03, 0.06)) == (0, 0)


@pytest.mark.parametrize("operator", ["Conv and Relu", "ConvTranspose", "ReduceMean", "ReduceSum"])
def test_layers_in_float32_are_told(operator):
    scale = 0.6 if operator == "ReduceSum" else 0.06
    _, told = differing(Network(operator, 0.03, scale))
    assert told > 0


@pytest.mark.parametrize("operator", ["ReduceSum"])
def test_with_powers_of_two_no_addition_rounds(operator):
    assert differing(Network(operator, 2.0**-5, 2.0**-1)) == (0, 0)


def test_the_layer_is_refused_by_name_where_all_must_be_exact():
    graph = read(Network("Conv and Relu", 0.03, 0.06).bytes(), "m.onnx")
    (told,) = order_sensitive(graph)
    assert f"{told.layer}: at {told.sums:,} of {told.of:,} sums the order" in str(told)
    what = "(Conv): is computed in float32 by the oracle, and the order of its additions could"
    with pytest.raises(CannotCompile, match=re.escape(what)):
        accel.compile(graph, config=AcceleratorConfig(), exact=True)
    with accel.compile(graph, config=AcceleratorConfig()) as program:
        assert program.report().as_dict()["order_sensitive"] == [told.as_dict()]
