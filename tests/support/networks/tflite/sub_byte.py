"""Networks of few bits: codes of 4 bits by clamps, binary ones by signs, between layers of
bytes."""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators import conv2d
from accel.compiler.operators.conv2d import Conv2d
from accel.numeric.rules.rules import Rule

INPUT = (1, 6, 7, 3)


@dataclass(frozen=True, eq=False)
class Sign:
    """1 for sums of at least 0, else -1, as an importer of BipolarQuant gives it."""

    inner: Rule
    low: int = -1
    high: int = 1

    @property
    def channels(self):
        return self.inner.channels

    @property
    def left_shift(self):
        return self.inner.left_shift

    def compute(self, acc):
        return np.where(acc >= 0, 1, -1)

    def take(self, channels):
        return Sign(self.inner.take(channels))

    def channel(self, index):
        return self.take([index])


def with_signs(monkeypatch) -> None:
    """Layers whose name begins with ``sign`` have signs for codes."""
    original = conv2d.rescale_rule

    def rule(node, graph, channels):
        found = original(node, graph, channels)
        return Sign(found) if node.name.startswith("sign") else found

    monkeypatch.setattr(conv2d, "rescale_rule", rule)


class SubByte:
    """Grows a chain of convolutions; the last layer has codes of 8 bits."""

    def __init__(self, seed: int = 1):
        self.random = np.random.default_rng(seed)
        self.tensors, self.nodes = {}, []
        self.add("x", INPUT, 0.02, 5)

    def add(self, name, shape, scale, zero_point, dtype="int8", data=None):
        q = Quantization(scale=(float(np.float32(scale)),), zero_point=(zero_point,))
        tensor = Tensor(name=name, shape=shape, dtype=dtype, quantization=q, data=data)
        self.tensors[name] = tensor
        if data is None:
            self.last = tensor

    def layer(
        self, name, channels, kernel, *, weights, scale, zero_point=0, pad=0, activation="none"
    ):
        """A convolution with random weights out of ``weights``."""
        source = self.last
        _, height, width, depth = source.shape
        data = self.random.choice(np.array(weights, np.int8), (channels, kernel, kernel, depth))
        bias = self.random.integers(-9, 10, channels).astype(np.int32)
        self.add(f"{name}/weights", data.shape, 1.0, 0, data=data)
        self.add(f"{name}/bias", bias.shape, source.quantization.scale[0], 0, "int32", bias)
        size = [n + 2 * pad - kernel + 1 for n in (height, width)]
        self.add(name, (1, *size, channels), scale, zero_point)
        attributes = Conv2d(
            stride=(1, 1), padding=((pad, pad), (pad, pad)), dilation=(1, 1), activation=activation
        )
        inputs = (source.name, f"{name}/weights", f"{name}/bias")
        self.nodes.append(
            Node(
                name=name, operator="conv2d", inputs=inputs, outputs=(name,), attributes=attributes
            )
        )

    def graph(self) -> Graph:
        graph = Graph(
            name="sub_byte",
            tensors=MappingProxyType(self.tensors),
            nodes=tuple(self.nodes),
            inputs=("x",),
            outputs=(self.last.name,),
        )
        verify(graph)
        return graph


NIBBLES, SIGNS, BYTES = range(-7, 8), (-1, 1), range(-127, 128)


def of_4_bits(highest: int = 7, channels=(13, 16, 21)) -> Graph:
    """Codes of 0 to ``highest``, between a first layer and a last one of bytes; one is padded."""
    b = SubByte()
    scale = 6 / highest
    first, second, third = channels
    b.layer("first", first, 3, weights=NIBBLES, scale=scale, pad=1, activation="relu6")
    b.layer("second", second, 3, weights=NIBBLES, scale=scale, pad=1, activation="relu6")
    b.layer("third", third, 3, weights=NIBBLES, scale=scale, activation="relu6")
    b.layer("last", 5, 1, weights=NIBBLES, scale=2.0, zero_point=-3)
    return b.graph()


def of_signs(last=SIGNS) -> Graph:
    """Signs, of which 43 leave a byte and a word unfilled. The last layer's weights are out of
    ``last``: if those are all 1, its bytes are 0."""
    b = SubByte()
    b.layer("sign_first", 43, 3, weights=BYTES, scale=1.0)
    b.layer("sign_second", 64, 2, weights=SIGNS, scale=1.0)
    b.layer("last", 5, 2, weights=last, scale=0.6, zero_point=3)
    return b.graph()
