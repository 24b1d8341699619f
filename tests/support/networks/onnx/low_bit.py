"""Low-bit networks as QONNX and QCDQ have them, and their live comparison with qonnx."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.graph import interpreter
from accel.compiler.ir.graph import Graph
from tests.support.oracles.qonnx import qonnx

DOMAIN = "qonnx.custom_op.general"


class Network:
    """Nodes in order; each reads what the last one wrote unless it is told another name."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        self.shape, self.last = shape, "x"
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: Any, dtype: type = np.float32) -> str:
        self.constants[name] = np.asarray(value, dtype)
        return name

    def add(self, kind: str, output: str, *inputs: str, source: str | None = None, **more: Any):
        before = self.last if source is None else source
        self.nodes.append(helper.make_node(kind, [before, *inputs], [output], **more))
        self.last = output if source is None else self.last

    def quant(
        self, output: str, bits: float, scale: Any = 1.0, zero: float = 0.0, source=None, **more
    ) -> None:
        names = [
            self.constant(f"{output}_{what}", value)
            for what, value in (("s", scale), ("z", zero), ("b", bits))
        ]
        given = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **more}
        self.add("Quant", output, *names, source=source, domain=DOMAIN, **given)

    def bipolar(self, output: str, scale: Any = 1.0, source: str | None = None) -> None:
        name = self.constant(f"{output}_s", scale)
        self.add("BipolarQuant", output, name, source=source, domain=DOMAIN)

    def clipped(self, output: str, bits: int, scale: float, dtype: type = np.int8) -> None:
        """QuantizeLinear, Clip and DequantizeLinear, as Brevitas exports them."""
        high = 2 ** (bits - 1) - 1 if dtype == np.int8 else 2**bits - 1
        low = -high - 1 if dtype == np.int8 else 0
        pair = [self.constant(f"{output}_s", scale), self.constant(f"{output}_z", 0, dtype)]
        ends = [self.constant(f"{output}_{n}", v, dtype) for n, v in (("low", low), ("high", high))]
        self.add("QuantizeLinear", f"{output}_q", *pair)
        self.add("Clip", f"{output}_c", *ends)
        self.add("DequantizeLinear", output, *pair)

    def weights(self, name: str, shape: tuple[int, ...], size: float = 1.0) -> str:
        return self.constant(name, self.random.normal(0, size, shape))

    def batchnorm(self, output: str, channels: int, deviation: float) -> None:
        r = self.random
        values = (
            r.normal(size=channels),
            r.normal(size=channels),
            r.normal(0, deviation / 2, channels),
            r.uniform(0.2, 2, channels) * deviation**2,
        )
        names = [self.constant(f"{output}_{i}", value) for i, value in enumerate(values)]
        self.add("BatchNormalization", output, *names)

    def proto(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *self.shape])],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def bytes(self) -> bytes:
        return self.proto().SerializeToString()

    def inputs(self, samples: int = 8) -> np.ndarray:
        return self.random.normal(0, 1, (samples, *self.shape)).astype(np.float32)


def layer(weights=2, activations=4, scale=0.5, weight_scale=1.0, seed=0, **more) -> Network:
    """Quantized inputs, a fully connected layer, a batch normalization and a quantization."""
    n = Network((24,), seed)
    n.quant("q", 4, 0.25)
    n.weights("w", (24, 12))
    n.quant("wq", weights, weight_scale, source="w", narrow=1)
    n.add("MatMul", "m", "wq")
    n.batchnorm("bn", 12, 3.0)
    n.quant("a", activations, scale, **more)
    return n


def convolutional(pool: str, seed: int = 0) -> Network:
    n = Network((3, 8, 8), seed)
    n.quant("q", 3, 0.5)
    n.weights("w", (8, 3, 3, 3))
    n.bipolar("wq", 0.5, source="w")
    n.weights("bias", (8,))
    n.add("Conv", "c", "wq", "bias", pads=[1, 1, 1, 1])
    n.batchnorm("bn", 8, 2.0)
    n.add("Relu", "r")
    n.quant("a", 2, 0.5, signed=0)
    if pool == "max":
        n.add("MaxPool", "p", kernel_shape=[2, 2], strides=[2, 2])
    elif pool == "average":
        n.add("AveragePool", "p", kernel_shape=[3, 3], strides=[2, 2])
        n.quant("pq", 6, 0.25)
    else:
        n.add("GlobalAveragePool", "p")
        n.quant("pq", 8, 1 / 64, signed=0)
    n.constant("shape", [1, -1], np.int64)
    n.add("Reshape", "f", "shape")
    count = {"max": 128, "average": 72, "global": 8}[pool]
    n.weights("v", (5, count))
    n.quant("vq", 4, 0.25, source="v")
    n.weights("c5", (5,))
    n.add("Gemm", "y", "vq", "c5", transB=1)
    return n


def at_a_threshold() -> Network:
    """A sum of 3 * 0.1 in float32 is at the threshold of 0.3, or beside it."""
    n = Network((3,))
    n.quant("q", 2, np.float32(0.1))
    n.constant("w", np.ones((3, 1)))
    n.quant("wq", 2, 1.0, source="w")
    n.add("MatMul", "m", "wq")
    n.add("Sub", "s", n.constant("t", np.float32(0.3)))
    n.bipolar("a")
    return n


def residual(seed: int = 0) -> Network:
    """A convolution, and a second one whose codes are added to the first one's."""
    n = Network((3, 6, 6), seed)
    n.quant("q", 4, 0.25)
    for index, source in enumerate(("q", "a0")):
        n.weights(f"w{index}", (4, 3 if index == 0 else 4, 3, 3))
        n.quant(f"wq{index}", 3, 0.25, source=f"w{index}")
        n.last = source
        n.add("Conv", f"c{index}", f"wq{index}", pads=[1, 1, 1, 1])
        n.batchnorm(f"bn{index}", 4, 2.0)
        n.quant(f"a{index}", 4, (0.5, 0.375)[index])
    n.add("Add", "sum", "a0")
    n.add("Relu", "r")
    n.quant("a2", 3, 0.4, signed=0)
    return n


def quantized_tensors(model: bytes) -> list[str]:
    """Activations that are quantized, and what is pooled of them, and the output."""
    proto = onnx.load_model_from_string(model)
    known = {tensor.name for tensor in proto.graph.initializer}
    names: list[str] = []
    for node in proto.graph.node:
        quantizes = node.op_type in ("Quant", "BipolarQuant", "DequantizeLinear")
        if all(name in known for name in node.input):
            known.add(node.output[0])
        elif quantizes or (node.op_type == "MaxPool" and node.input[0] in names):
            names.append(node.output[0])
    return [*names, *(port.name for port in proto.graph.output if port.name not in names)]


def real(graph: Graph, name: str, array: np.ndarray, rank: int) -> np.ndarray:
    """A tensor of ours as the file has it: float32, channels first."""
    tensor = graph.tensor(name)
    if tensor.dtype == "int8":
        q = tensor.quantization
        centred = (array.astype(np.int64) - q.zero_point[0]).astype(np.float32)
        array = np.float32(q.scale[0]) * centred
        array = array.transpose(0, 3, 1, 2) if rank == 4 else array
    return array


def differing(graph: Graph, tensors: dict[str, np.ndarray], wanted: dict[str, np.ndarray]):
    """Elements of each tensor that are not qonnx's."""
    return {
        name: int((real(graph, name, array, wanted[name].ndim) != wanted[name]).sum())
        for name, array in tensors.items()
    }


def clipped_tensors(model: bytes) -> dict[str, str]:
    """Of what is quantized by QCDQ: our tensor, which has the name of QuantizeLinear's output."""
    nodes = {n.output[0]: n for n in onnx.load_model_from_string(model).graph.node}
    found = {}
    for name, node in nodes.items():
        before = nodes.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        while before is not None and before.op_type == "Clip":
            before = nodes.get(before.input[0])
        if before is not None and before.op_type == "QuantizeLinear":
            found[name] = before.output[0]
    return found


def assert_qonnx(graph: Graph, model: bytes, x: np.ndarray) -> dict[str, np.ndarray]:
    """Assert that the reference gives every quantized tensor of a model as qonnx does."""
    ours = clipped_tensors(model)
    names = {name: ours.get(name, name) for name in quantized_tensors(model)}
    names[graph.outputs[0]] = graph.outputs[0]
    names = {name: own for name, own in names.items() if own in graph.tensors}
    answers, theirs = interpreter.run(graph, x, tuple(names.values())), qonnx(model, x)
    wanted = {own: theirs[name] for name, own in names.items()}
    assert len(wanted) >= 2
    assert differing(graph, answers, wanted) == dict.fromkeys(wanted, 0)
    return theirs
