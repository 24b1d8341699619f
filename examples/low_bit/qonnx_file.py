"""Writes a network of few bits as Brevitas exports it to QONNX: float32 tensors and quantizers."""

import numpy as np
import onnx
from network import EPSILON, KERNEL, Layer, Network
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
OPSET = 13
MOST = {1: None, 2: 1.0}


class File:
    """Nodes and constants in order; each node reads what the last one wrote."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.last = "image"

    def constant(self, name: str, value: np.ndarray | float, dtype: type = np.float32) -> str:
        assert name not in self.constants
        self.constants[name] = np.asarray(value, dtype)
        return name

    def node(self, operator: str, output: str, *inputs: str, source: str | None = None, **more):
        before = self.last if source is None else source
        self.nodes.append(helper.make_node(operator, [before, *inputs], [output], **more))
        if source is None:
            self.last = output

    def quantizer(self, output: str, bits: int, scale: float, narrow: int, source=None) -> None:
        """A Quant, or of 1 bit a BipolarQuant."""
        inputs = [self.constant(f"{output}_scale", scale)]
        kind, more = "BipolarQuant", {}
        if bits > 1:
            kind, more = "Quant", {"signed": 1, "narrow": narrow, "rounding_mode": "ROUND"}
            inputs.append(self.constant(f"{output}_zero_point", 0.0))
            inputs.append(self.constant(f"{output}_bits", float(bits)))
        self.node(kind, output, *inputs, source=source, domain=DOMAIN, **more)

    def layer(self, name: str, layer: Layer, bits: int, channels: int, image: bool) -> None:
        """Of what was an ``image``, rows of weights come in the order of its channels first."""
        weights = layer.weights
        if image:
            weights = weights.reshape(-1, channels, weights.shape[1]).swapaxes(0, 1)
            weights = weights.reshape(layer.weights.shape)
        if layer.window:
            weights = weights.reshape(KERNEL, KERNEL, channels, -1).transpose(3, 2, 0, 1)
        self.quantizer(
            f"{name}_weights", bits, 1.0, 1, source=self.constant(f"{name}_latent", weights)
        )
        kind = "Conv" if layer.window else "MatMul"
        more = {"kernel_shape": [KERNEL] * 2} if layer.window else {}
        self.node(kind, f"{name}_sums", f"{name}_weights", **more)
        names = [
            self.constant(f"{name}_normal_{part}", getattr(layer, part))
            for part in ("scale", "bias", "mean", "variance")
        ]
        self.node("BatchNormalization", f"{name}_normal", *names, epsilon=EPSILON)


def write(network: Network, shape: tuple[int, ...], name: str) -> bytes:
    """A file whose input are pixels from 0 to 1, ``[1, *shape]`` with channels first."""
    file, bits = File(), network.bits
    file.node("Mul", "doubled", file.constant("two", 2.0))
    file.node("Sub", "centred", file.constant("one", 1.0))
    scale = 1.0 if bits.activations == 1 else 0.5
    file.quantizer("input", bits.activations, scale, 0)
    channels = shape[0]
    flat = len(shape) == 1
    for index, layer in enumerate(network.layers):
        image = not (layer.window or flat)
        if image:
            file.node("Reshape", "flat", file.constant("flat_shape", [1, -1], np.int64))
            flat = True
        file.layer(f"layer{index}", layer, bits.weights, channels, image)
        if layer is not network.layers[-1]:
            file.quantizer(f"layer{index}", bits.activations, scale, 0)
        if layer.pool:
            file.node("MaxPool", f"pool{index}", kernel_shape=[2, 2], strides=[2, 2])
        channels = layer.weights.shape[1]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        file.nodes,
        name,
        [value("image", TensorProto.FLOAT, [1, *shape])],
        [value(file.last, TensorProto.FLOAT, [1, channels])],
        [numpy_helper.from_array(array, key) for key, array in file.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
