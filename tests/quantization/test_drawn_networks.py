"""What `accel quantize` writes is read, and answers as ONNX Runtime does, whatever the network."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import accel
from accel.compiler.graph import interpreter
from accel.quantization import preparation
from accel.quantization.exact import settled
from accel.quantization.gelu import OPSET
from accel.quantization.measure import SOFTMAX_ERROR
from accel.quantization.model import read_model
from accel.quantization.quantizer import Quantized, Settings, quantize
from accel.quantization.runtime import Session
from tests.support.oracles.onnx import one_by_one

SAMPLES = 16


class Drawn:
    """A float network in the making, of one chain from ``x`` on; ``shape`` is that of its end."""

    def __init__(self, seed: int, shape: tuple[int, ...], opset: int = 17) -> None:
        self.random = np.random.default_rng(seed)
        self.input, self.shape, self.opset = shape, shape, opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last, self.scale = "x", 1.0

    def c(self, value) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        self.last = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [self.last], **attributes))
        return self.last

    def normal(self, *shape: int) -> np.ndarray:
        return self.random.normal(0, 0.5 / math.sqrt(math.prod(shape[1:]) or 1), shape)

    # Starts.

    def divided(self) -> None:
        self.scale = 255.0
        self.op("Div", self.last, self.c(255))

    def multiplied(self) -> None:
        self.scale = 255.0
        self.op("Mul", self.last, self.c(1 / 255))

    def around_zero(self) -> None:
        self.scale = 255.0
        self.op("Sub", self.op("Div", self.last, self.c(127.5)), self.c(1))

    def normalized(self) -> None:
        self.scale = 255.0
        around = (self.shape[0], *(1,) * (len(self.shape) - 1))
        mean, std = (self.random.uniform(*ends, around) for ends in ((90, 130), (50, 70)))
        self.op("Div", self.op("Sub", self.last, self.c(mean)), self.c(std))

    # Layers.

    def conv(self, pad: int | None = None) -> None:
        pad = int(self.random.integers(2)) if pad is None else pad
        channels, out = self.shape[0], int(self.random.integers(3, 7))
        w, b = self.normal(out, channels, 3, 3), self.normal(out)
        self.op("Conv", self.last, self.c(w), self.c(b), pads=[pad] * 4)
        self.shape = (out, *(n + 2 * pad - 2 for n in self.shape[1:]))

    def residual(self) -> None:
        before, shape = self.last, self.shape
        w = self.normal(shape[0], shape[0], 3, 3)
        self.op("Add", self.op("Conv", before, self.c(w), pads=[1] * 4), before)

    def pool(self, average: bool = True) -> None:
        kind = "AveragePool" if average and self.random.integers(2) else "MaxPool"
        self.op(kind, self.last, kernel_shape=[2, 2], strides=[2, 2])
        self.shape = (self.shape[0], *(n // 2 for n in self.shape[1:]))

    def dense(self) -> None:
        out = int(self.random.integers(3, 9))
        if len(self.shape) == 3:
            self.op("Flatten", self.last)
            self.shape = (math.prod(self.shape),)
        w = self.normal(out, self.shape[-1])
        if len(self.shape) == 1 and self.random.integers(2):
            self.op("Gemm", self.last, self.c(w), self.c(self.normal(out)), transB=1)
        else:
            self.op("MatMul", self.last, self.c(w.T))
            self.op("Add", self.last, self.c(self.normal(out)))
        self.shape = (*self.shape[:-1], out)

    # Activations.

    def relu(self) -> None:
        self.op("Relu", self.last)

    def gelu(self) -> None:
        if self.opset >= OPSET:
            approximate = ("none", "tanh")[int(self.random.integers(2))]
            self.op("Gelu", self.last, approximate=approximate)
        elif self.random.integers(2):
            self._gelu_erf()
        else:
            self._gelu_tanh()

    def _gelu_erf(self) -> None:
        x, way = self.last, int(self.random.integers(3))
        if way:
            inner = self.op("Div", x, self.c(math.sqrt(2)))
        else:
            inner = self.op("Mul", x, self.c(math.sqrt(0.5)))
        one = self.op("Add", self.op("Erf", inner), self.c(1))
        if way == 2:
            self.op("Mul", self.op("Mul", x, self.c(0.5)), one)
        else:
            self.op("Mul", self.op("Mul", x, one), self.c(0.5))

    def _gelu_tanh(self) -> None:
        x = self.last
        cube = (
            self.op("Pow", x, self.c(3))
            if self.random.integers(2)
            else self.op("Mul", self.op("Mul", x, x), x)
        )
        total = self.op("Add", x, self.op("Mul", cube, self.c(0.044715)))
        tanh = self.op("Tanh", self.op("Mul", total, self.c(math.sqrt(2 / math.pi))))
        self.op("Mul", self.op("Mul", x, self.c(0.5)), self.op("Add", tanh, self.c(1)))

    # The end.

    def bytes(self) -> bytes:
        ends = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        self.nodes.append(helper.make_node("Identity", [self.last], ["y"]))
        start = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *self.input])
        graph = helper.make_graph(self.nodes, "drawn", [start], ends, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    def samples(self) -> np.ndarray:
        low = 0 if self.scale > 1 else -1
        return self.random.uniform(low, self.scale, (SAMPLES, *self.input)).astype(np.float32)


STARTS = ("none", "divided", "multiplied", "around_zero", "normalized")
ENDS = ("none", "Sigmoid", "Softmax", "Tanh", "Relu")


def drawn(seed: int, start: str, end: str) -> Drawn:
    """An image or a sequence with a few layers, and this start and end."""
    random = np.random.default_rng(seed)
    image = bool(random.integers(3))
    n = Drawn(seed, (3, 8, 8) if image else (7, 12), opset=(17, OPSET)[int(random.integers(2))])
    if start != "none":
        getattr(n, start)()
    for layer in ("conv", "residual", "pool") if image else ("dense",):
        if layer == "conv" or random.integers(3):
            # A Tanh makes the file QDQ, in which averages at exact halves are rounded in float32.
            more = {"average": end != "Tanh"} if layer == "pool" else {}
            getattr(n, layer)(**more)
        getattr(n, ("relu", "gelu")[int(random.integers(2))])()
    n.dense()
    if end != "none":
        n.op(end, n.last, **({"axis": -1} if end == "Softmax" else {}))
    return n


def quantized(folder: Path, data: bytes, x: np.ndarray, form: str | None = None) -> Quantized:
    path = folder / "float.onnx"
    path.write_bytes(data)
    model = read_model(path)
    proto = preparation.folded(preparation.fixed(model), model.name)
    return settled(quantize(proto, model.name, x, Settings(form=form)), model.name)


def assert_as_the_runtime(made: Quantized, x: np.ndarray, softmax: bool = False) -> np.ndarray:
    """Compare with ONNX Runtime, with its optimizations or without them, whichever is nearer."""
    ours, (theirs, plain) = interpreter.run(made.graph, x)["y"], answers(made.data, x)
    if (plain != ours).sum() < (theirs != ours).sum():
        theirs = plain
    if softmax:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=SOFTMAX_ERROR)
    else:
        np.testing.assert_array_equal(ours, theirs)
    return ours


def answers(data: bytes, x: np.ndarray) -> Iterator[np.ndarray]:
    for level in ("ALL", "NONE"):
        yield one_by_one(data, {"x": x}, level)[0]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("end", ENDS)
def test_a_quantized_network_is_read_and_answers_as_the_runtime(start, end, tmp_path):
    seed = 10 * STARTS.index(start) + ENDS.index(end)
    n = drawn(seed, start, end)
    data, x = n.bytes(), n.samples()
    made = quantized(tmp_path, data, x)
    ours = assert_as_the_runtime(made, x, end == "Softmax")
    real = Session(preparation.fixed(read_model(tmp_path / "float.onnx")), "float").run(x)
    assert np.abs(ours - real).max() < 0.1 * max(np.abs(real).max(), 0.2)
    if seed % 6 == 0:
        program = accel.compile(made.graph, board="ulx3s_85f")
        np.testing.assert_array_equal(program.run(x[:4]).output, ours[:4])


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("start", STARTS[1:])
def test_a_start_takes_no_operator_where_the_first_layer_can_take_it(start, pad, tmp_path):
    n = Drawn(1, (3, 8, 8))
    getattr(n, start)()
    n.conv(pad)
    n.relu()
    data, x = n.bytes(), n.samples()
    made = quantized(tmp_path, data, x)
    assert_as_the_runtime(made, x)
    kinds = [node.operator for node in made.graph if node.operator.endswith("conv2d")]
    moves = start in ("divided", "multiplied") or not pad
    assert kinds == ["conv2d"] if moves else kinds == ["depthwise_conv2d", "conv2d"]
    assert not {"mul", "add", "sub", "function"}.intersection(n.operator for n in made.graph)


@pytest.mark.parametrize("opset", [17, OPSET])
@pytest.mark.parametrize("seed", range(6))
def test_a_gelu_is_one_operator_however_it_is_spelled(opset, seed, tmp_path):
    n = Drawn(seed, (3, 6, 6), opset)
    n.conv()
    n.gelu()
    n.dense()
    data, x = n.bytes(), n.samples()
    made = quantized(tmp_path, data, x)
    assert [node.attributes.name for node in made.graph if node.operator == "function"] == ["gelu"]
    assert not {"mul", "add"}.intersection(node.operator for node in made.graph)
    assert_as_the_runtime(made, x)


@pytest.mark.parametrize("shape", [(7, 12), (1, 12), (2, 3, 12)])
@pytest.mark.parametrize("form", ["qop", "qdq"])
def test_a_dense_layer_on_a_sequence_is_one_layer(shape, form, tmp_path):
    n = Drawn(sum(shape), shape)
    n.op("MatMul", n.last, n.c(n.normal(5, 12).T))
    n.op("Add", n.last, n.c(n.normal(5)))
    data, x = n.bytes(), n.samples()
    made = quantized(tmp_path, data, x, form)
    assert sum(node.operator in ("conv2d", "fully_connected") for node in made.graph) == 1
    assert "add" not in {node.operator for node in made.graph}
    assert_as_the_runtime(made, x)
