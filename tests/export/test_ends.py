"""What a network does outside of the core is done by both drivers, or refused by name."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from accel.api import compile
from accel.compiler.ir.graph import Graph
from accel.compiler.operators.arg_max import ArgMax
from accel.compiler.operators.dequantize import Dequantize
from accel.compiler.operators.log_softmax import LogSoftmax
from accel.compiler.operators.quantize import Quantize
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax
from accel.export.description import describe
from accel.export.ends import CannotExport
from tests.support.host import c_driver
from tests.support.networks.small import SHAPE, Chain
from tests.support.networks.tflite.operators import per_tensor

from .conftest import CONFIG
from .drivers import answers_of_c, answers_of_micropython

CLASSES = per_tensor(1 / 256, -128)


def numbers():
    """From numbers to numbers."""
    chain = Chain(SHAPE, "float32").add("quantize", Quantize()).convolution()
    return chain.add("dequantize", Dequantize(), dtype="float32").graph()


def classes():
    """Softmax, and the greatest class, of each of some rows; and what the core computed."""
    chain = Chain().convolution(10).add("reshape", Reshape(), (1, 30, 10))
    chain.add("softmax", Softmax(), q=CLASSES)
    chain.add("arg_max", ArgMax(axis=2, driver=True), (1, 30), "int32")
    return chain.graph(outputs=("t3", "t2", "t0", "t1"))


def index():
    """The greatest class, as the core computes it."""
    chain = Chain().convolution(6).fully_connected(6)
    return chain.add("arg_max", ArgMax(axis=1), (1,), "int64").graph()


def bytes_without_sign():
    """Codes without a sign at both ends."""
    chain = Chain(SHAPE, "uint8")
    chain.last = chain.tensors["x"] = replace(chain.last, quantization=per_tensor(0.5, 121))
    chain.add("quantize", Quantize()).convolution()
    return chain.add("quantize", Quantize(), dtype="uint8", q=per_tensor(2.0, 99)).graph()


def onnx_classes():
    """Softmax of codes and of numbers by ONNX Runtime's rules."""
    chain = Chain().fully_connected(12).add("softmax", Softmax(), q=per_tensor(0.01, -128))
    chain.add("dequantize", Dequantize(), dtype="float32")
    chain.add("softmax", Softmax(), dtype="float32")
    tensors = MappingProxyType(chain.tensors)
    nodes, outputs = tuple(chain.nodes), ("t1", "t3")
    return Graph(
        name="onnx", tensors=tensors, nodes=nodes, inputs=("x",), outputs=outputs, contract="onnx"
    )


def wide():
    """An output whose positions do not end with words, in several frames."""
    return Chain((1, 20, 20, 4)).convolution(6).graph()


NETWORKS = [numbers, classes, index, bytes_without_sign, onnx_classes, wide]


def samples_of(program) -> np.ndarray:
    tensor = program.code.graph.tensor("x")
    rng = np.random.default_rng(11)
    shape = (2, *tensor.shape[1:])
    if tensor.dtype == "float32":
        return (20 * rng.standard_normal(shape)).astype(np.float32)
    bounds = np.iinfo(tensor.dtype)
    return rng.integers(bounds.min, bounds.max + 1, shape).astype(tensor.dtype)


@pytest.mark.parametrize("answers", [answers_of_c, answers_of_micropython])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_answers_are_those_of_the_machine(network, answers, tmp_path):
    if answers is answers_of_c and c_driver.compiler() is None:
        pytest.skip("there is no C compiler here")
    program = compile(network(), config=CONFIG)
    samples = samples_of(program)
    expected = program.run(samples).outputs
    found = answers(program, samples, tmp_path / "driver")
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert (found[name].reshape(values.shape) == values).all(), name


def log_softmax():
    chain = Chain().fully_connected(6).add("dequantize", Dequantize(), dtype="float32")
    return chain.add("log_softmax", LogSoftmax(), dtype="float32").graph()


def smallest():
    chain = Chain().fully_connected(6)
    return chain.add("arg_max", ArgMax(axis=1, smallest=True, driver=True), (1,), "int32").graph()


def nothing():
    return Chain((1, 8), "float32").add("quantize", Quantize()).graph()


REFUSED = {
    log_softmax: "n2 (LOG_SOFTMAX): is computed by the driver, and exported drivers have softmax",
    smallest: "n1 (ARG_MAX) of the smallest: is computed by the driver",
    nothing: "small: has no layer that the core computes",
}


@pytest.mark.parametrize("network", REFUSED, ids=lambda network: network.__name__)
def test_what_a_driver_does_not_have_is_named(network):
    program = compile(network(), config=CONFIG)
    with pytest.raises(CannotExport) as problem:
        describe(program.code, 1000, 12.0)
    assert str(problem.value).startswith(REFUSED[network])
