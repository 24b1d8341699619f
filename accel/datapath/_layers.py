"""Claims about whole layers: RTL computes what the machine does, in the cycles of the cycle
model."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np

import accel
from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.reshape import Reshape
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.numeric.formats import NumberFormat
from accel.sim.compare import assert_same
from accel.sim.cycles.cycle_model import predict

from ._claim import Claim

_SAMPLES = 1
_SPREAD = 40.0  # of the codes of a layer, about


def claims(config: AcceleratorConfig) -> Iterator[Claim]:
    """Claims about answers and cycles and, where products are exact, about equality with the
    reference."""
    what = "layers in RTL are those of the machine"
    how = "convolution, depthwise, pool and fully connected, every element"
    try:
        program = accel.compile(network(config), config=config)
    except UserError as problem:
        yield Claim(what=what, how=how, problem=str(problem))
        return
    graph = program.code.graph
    inputs = np.random.default_rng(2).integers(-128, 128, (_SAMPLES, *graph.tensor("x").shape[1:]))
    inputs = inputs.astype(np.int8)
    keep = tuple(node.outputs[0] for node in graph if program.code.has(node.outputs[0]))
    with closing(program):
        machine = program.session.execute("machine", inputs, keep)
        rtl = program.session.execute("pysim", inputs, keep)
        yield Claim(what=what, how=how, problem=_differing(rtl.tensors, machine.tensors))
        counted = [asdict(counters) for counters in rtl.layers or ()]
        modelled = [layer.as_dict() for layer in predict(program.code)]
        wrong = [
            f"{command.name} takes {c['cycles']} cycles, the model says {m['cycles']}"
            for command, c, m in zip(program.code.commands, counted, modelled, strict=True)
            if c != m
        ]
        yield Claim(
            what="all cycles are the model's", how="every layer", problem="; ".join(wrong[:1])
        )
        if config.number_format.exact:
            reference = program.session.execute("reference", inputs, keep)
            yield Claim(
                what="layers are those of the network",
                how="every element, contract tflm",
                problem=_differing(machine.tensors, reference.tensors),
            )


def _differing(actual: Any, expected: Any) -> str:
    try:
        assert_same(actual, expected)
    except AssertionError as problem:
        return str(problem)
    return ""


class _Builder:
    """Builds a network whose weights a number format can hold."""

    def __init__(self, number: NumberFormat):
        self.values = number.values[(number.values >= -128) & (number.values <= 127)]
        self.random = np.random.default_rng(1)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []

    def add(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> None:
        q = Quantization(scale=(float(np.float32(scale)),), zero_point=(zero_point,))
        self.tensors[name] = self.last = Tensor(
            name=name, shape=shape, dtype="int8", quantization=q
        )

    def node(
        self,
        operator: str,
        attributes: Any,
        shape: tuple[int, ...],
        constants: tuple[str, ...] = (),
    ) -> None:
        """Add a node, with an output scale at which its codes use the range, if it has weights."""
        name, source = f"{operator}_{len(self.nodes)}", self.last
        assert source.quantization is not None
        scale = source.quantization.scale[0]
        if constants:
            weights = np.asarray(self.tensors[constants[0]].data, float)
            terms = weights.size / shape[-1]
            spread = scale * 74 * np.sqrt((weights**2).mean() * terms)
            scale = spread / _SPREAD
        self.add(name, shape, scale, -3 if constants else source.quantization.zero_point[0])
        inputs = (source.name, *constants)
        self.nodes.append(
            Node(
                name=name, operator=operator, inputs=inputs, outputs=(name,), attributes=attributes
            )
        )

    def weights(self, shape: tuple[int, ...]) -> tuple[str, ...]:
        name = f"weights_{len(self.nodes)}"
        data = self.random.choice(self.values, shape).astype(np.int8)
        q = Quantization(scale=(1.0,), zero_point=(0,))
        self.tensors[name] = Tensor(name=name, shape=shape, dtype="int8", quantization=q, data=data)
        return (name,)


def network(config: AcceleratorConfig) -> Graph:
    """A network with a layer for each way to use the array, with groups and tiles that are not
    full."""
    b, channels = _Builder(config.number_format), config.columns + 3
    b.add("x", (1, 5, 6, 3), 0.02, 5)
    unpadded, same = ((0, 0), (0, 0)), ((1, 1), (1, 1))
    conv = Conv2d(stride=(1, 1), padding=unpadded, dilation=(1, 1), activation="relu")
    b.node("conv2d", conv, (1, 4, 5, channels), b.weights((channels, 2, 2, 3)))
    for stride, shape in ((1, (1, 4, 5, channels)), (2, (1, 2, 3, channels))):
        depthwise = DepthwiseConv2d(
            stride=(stride, stride), padding=same, dilation=(1, 1), multiplier=1, activation="none"
        )
        b.node("depthwise_conv2d", depthwise, shape, b.weights((1, 3, 3, channels)))
    pool = AveragePool2d(size=(2, 2), stride=(1, 1), padding=unpadded, activation="none")
    b.node("average_pool2d", pool, (1, 1, 2, channels))
    b.node("reshape", Reshape(), (1, 2 * channels))
    connected = FullyConnected(activation="none")
    b.node("fully_connected", connected, (1, 7), b.weights((7, 2 * channels)))
    graph = Graph(
        name="conformance",
        tensors=MappingProxyType(b.tensors),
        nodes=tuple(b.nodes),
        inputs=("x",),
        outputs=(b.last.name,),
    )
    verify(graph)
    return graph
