"""Networks with float32 or a softmax at their ends: every executor answers as the oracle, exactly.

The driver computes what stands before and after the core.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx import reader as onnx
from accel.compiler.frontends.tflite import reader as tflite
from accel.compiler.ir.graph import Graph
from accel.compiler.operators.dequantize import Dequantize
from accel.compiler.operators.quantize import Quantize
from accel.compiler.operators.softmax import Softmax
from accel.compiler.tflite_export.writer import write
from accel.quantization.measure import SOFTMAX_ERROR
from tests.support.networks.onnx.operators import Model
from tests.support.networks.small import SHAPE, Chain
from tests.support.networks.tflite.operators import per_tensor
from tests.support.oracles.onnx import onnx_runtime
from tests.support.oracles.tflm import tflm

CLASSES = 5
SAMPLES = {"machine": 40, "rtl": 2}
PROBABILITIES = per_tensor(1 / 256, -128)
INPUTS, ENDS = ("float32", "codes"), ("codes", "dequantize", "softmax", "softmax, dequantize")


@dataclass
class Case:
    """A graph as read from a file, inputs ``[N, ...]``, the oracle's answers, and what may
    differ."""

    graph: Graph
    inputs: np.ndarray
    expected: np.ndarray
    relative_error: float = 0.0


def of_tflite(first: str, end: str) -> Case:
    floating = first == "float32"
    chain = Chain(dtype="float32" if floating else "int8")
    if floating:
        chain.add("quantize", Quantize())
    chain.convolution().fully_connected(CLASSES)
    # Of logits that differ by less than one, a softmax says more than which is the greatest.
    name = chain.nodes[-1].inputs[1]
    chain.tensors[name] = replace(chain.tensors[name], quantization=per_tensor(2e-5, 0))
    logits = replace(chain.last, quantization=per_tensor(0.1, 11))
    chain.tensors[logits.name] = chain.last = logits
    if "softmax" in end:
        chain.add("softmax", Softmax(), q=PROBABILITIES)
    if "dequantize" in end:
        chain.add("dequantize", Dequantize(), dtype="float32")
    file = write(chain.graph())
    x = inputs(SHAPE[1:], floating, np.int8)
    return Case(tflite.read(file, "edges.tflite"), x, tflm(file, x))


def of_onnx(first: str, end: str) -> Case:
    floating, real = first == "float32", end in ("dequantize", "softmax")
    results = {True: np.float32, False: np.uint8}
    m = Model(
        (4, 5, 6), np.float32 if floating else np.uint8, np.random.default_rng(3), results[real]
    )
    x = m.quantization("x", np.uint8, 0.05)
    if floating:
        m.add("QuantizeLinear", ["x", *x], ["codes"])
    w = weights(m, "w", (4, 4, 3, 3), 0.01)
    c = m.quantization("c", np.uint8, 0.7)
    m.add("QLinearConv", ["codes" if floating else "x", *x, *w, *c], ["c"], kernel_shape=[3, 3])
    m.add("Flatten", ["c"], ["f"])
    v = weights(m, "v", (48, CLASSES), 2e-4)
    logits = m.quantization("l", np.uint8, 0.1)
    last = "logits" if end != "codes" else "y"
    m.add("QLinearMatMul", ["f", *c, *v, *logits], [last])
    probabilities = [m.constant("ps", 1 / 256, np.float32), m.constant("pz", 0, np.uint8)]
    if end == "dequantize":
        m.add("DequantizeLinear", ["logits", *logits], ["y"])
    elif end == "softmax":
        m.add("DequantizeLinear", ["logits", *logits], ["real"])
        m.add("Softmax", ["real"], ["y"])
    elif end == "softmax, dequantize":
        m.add("QLinearSoftmax", ["logits", *logits, *probabilities], ["p"], opset=13)
        m.add("DequantizeLinear", ["p", *probabilities], ["y"])
        m.output = np.float32
    file, x = m.bytes(), inputs((4, 5, 6), floating, np.uint8)
    (expected,) = onnx_runtime(file, {"x": x})
    graph = onnx.read(file, "edges.onnx")
    return Case(graph, x, expected, SOFTMAX_ERROR if end == "softmax" else 0.0)


def weights(m: Model, name: str, shape: tuple[int, ...], scale: float) -> list[str]:
    return [
        m.constant(name, m.codes(shape, np.int8)),
        m.constant(f"{name}_scale", scale, np.float32),
        m.constant(f"{name}_zero_point", 0, np.int8),
    ]


def inputs(shape: tuple[int, ...], floating: bool, dtype: type) -> np.ndarray:
    """Random ones; of float32 some beyond the codes, and what TFLite's int32 just holds."""
    random = np.random.default_rng(5)
    if floating:
        x = random.normal(scale=40.0, size=(SAMPLES["machine"], *shape)).astype(np.float32)
        x[1].flat[:2] = -1e9, 1e9
        return x
    limits = np.iinfo(dtype)
    shape = (SAMPLES["machine"], *shape)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)


@pytest.mark.xdist_group("icebreaker")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("first", INPUTS)
@pytest.mark.parametrize("make", [of_tflite, of_onnx], ids=["tflite", "onnx"])
def test_every_executor_answers_as_the_oracle(make, first, end):
    case = make(first, end)
    program = accel.compile(case.graph, board="icebreaker")
    assert program.code.commands
    reference = program.run(case.inputs, "reference").output
    assert reference.dtype == case.expected.dtype
    if case.relative_error:
        np.testing.assert_allclose(reference, case.expected, rtol=case.relative_error)
    else:
        np.testing.assert_array_equal(reference, case.expected)
    for executor, samples in SAMPLES.items():
        if executor == "rtl" and first != "float32":
            continue
        answer = program.run(case.inputs[:samples], executor).output
        np.testing.assert_array_equal(answer, reference[:samples])
    program.close()
