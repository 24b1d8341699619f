"""Puts constants that differ from position to position into memory, by layers of the core.

Activation memory has no initial contents, so a constant that a layer reads as a tensor is computed
first, from weights. With its bytes as they will lie in memory in rows of a length, byte ``c`` of
row ``p`` is

    sum over taps t of weights[t, c] * input[p + t]

where ``input`` is one position of 1s among padding of 0: the one tap that meets it has the byte as
its weight. So the weights are the constant itself, and all of it takes two layers: one for the
position of 1s, and a depthwise one. Where the banks ask for it, the 1s are copied between.

Rows are as many as a tile of the array computes at a time for each group of channels: each channel
has parameters in the program besides, and each tap takes a cycle. Number formats that do not hold
all codes as weights have the codes as biases, in a row.
"""

from collections.abc import Sequence

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rules.rules import Mean
from ..ir.graph import Graph, Node, Tensor
from ..ir.layer import Convolution, Region, copy_layer
from ..ir.tensor_layout import TensorLayout
from ..operators._operator import selecting

ROWS = 16  # of the constant's bytes; the channel parameters are 1/16 of what a row each would take
MOST_GROUPS = 256  # of channels in a layer; the core counts twice as many

Stored = tuple[str, tuple[int, int, int]]  # a tensor in memory, and its stored shape


def place_constants(
    layers: Sequence[Convolution], node: Node, graph: Graph, config: AcceleratorConfig
) -> list[Convolution]:
    """A node's layers, and before them those that compute the constants they read as tensors."""
    read = dict.fromkeys(
        name for c in layers for name in (c.source, c.residual) if name and _constant(graph, name)
    )
    if not read:
        return list(layers)
    operands = [(c.source, c.input_shape) for c in layers]
    operands += [(c.residual, c.output_shape) for c in layers if c.residual]
    live = next(operand for operand in operands if operand[0] not in read)
    done: list[Convolution] = []
    names = {name: f"{name} ({node.name})" for name in read}
    for name in read:
        computed = _computed(graph.tensor(name), names[name], node, live, config)
        done += _in_other_bank(computed) if _combined(name, layers) else computed
    for c in layers:
        c = c.replace(source=names.get(c.source, c.source))
        done.append(c.combined_with(names[c.residual]) if c.residual in names else c)
    return done


def _combined(name: str, layers: Sequence[Convolution]) -> bool:
    """Whether a layer combines a constant with a tensor that none of the layers writes."""
    made = {c.output for c in layers}
    pairs = [(c.source, c.residual) for c in layers]
    return any(name in pair and None not in pair and not made.intersection(pair) for pair in pairs)


def _in_other_bank(layers: Sequence[Convolution]) -> list[Convolution]:
    """The same with a copy of the 1s: each layer writes the bank that it does not read.

    Operands that are combined lie in different banks, and the first of these layers reads one.
    """
    ones, *others = layers
    name = f"{ones.name}_copied"
    copy = copy_layer(name, ones.node, ones.output, f"{ones.output} copied", ones.output_shape)
    return [ones, copy, *(c.replace(source=copy.output) for c in others)]


def _constant(graph: Graph, name: str) -> bool:
    return name in graph.tensors and graph.tensor(name).constant


def _computed(
    constant: Tensor, output: str, node: Node, live: Stored, config: AcceleratorConfig
) -> list[Convolution]:
    """Layers that write a constant's bytes; ``live`` is a tensor that is in memory by then."""
    image = _memory_image(constant, config)
    by_weights = _holds_codes(config)
    words = len(image) // config.rows
    rows = min(words, max(ROWS, -(-words // MOST_GROUPS))) if by_weights else 1
    width = -(-words // rows) * config.rows
    codes = np.zeros((rows, width), np.int64)
    codes.reshape(-1)[: len(image)] = image
    step = min(width, MOST_GROUPS * config.rows)
    name = f"{node.name}_{constant.name}"
    ones = _ones(name, node, live, TensorLayout(1, step // config.rows, config.rows))
    layers = [ones]
    for first in range(0, width, step):
        part = codes[:, first : first + step]
        count = part.shape[1]
        nothing = np.zeros((1, 1, count), np.int64)
        layers.append(
            Convolution(
                name=name if step == width else f"{name}_{first}",
                node=node.name,
                source=ones.output,
                output=output,
                input_shape=(1, 1, count),
                output_shape=(1, rows, width),
                weights=part[np.newaxis, ::-1] if by_weights else nothing,
                bias=nothing[0, 0] if by_weights else part[0],
                rule=Mean(1, -128, 127, channels=count),
                pad=0,
                padding=(0, rows - 1),
                region=Region(0, 0, 1, rows),
                first_channel=first,
            )
        )
    return layers


def _holds_codes(config: AcceleratorConfig) -> bool:
    """Whether every code is a weight of the number format, and products are exact."""
    number = config.number_format
    return number.exact and bool(np.isin(np.arange(-128, 128), number.values).all())


def _memory_image(constant: Tensor, config: AcceleratorConfig) -> np.ndarray:
    """The bytes of a constant as a tensor in memory, int64 ``[words * rows]``."""
    positions = constant.values.reshape(-1, constant.shape[-1]).astype(np.int64)
    return np.pad(positions, ((0, 0), (0, -positions.shape[1] % config.rows))).reshape(-1)


def _ones(name: str, node: Node, live: Stored, layout: TensorLayout) -> Convolution:
    """A layer that fills a tensor with 1s, whatever it reads."""
    channels, (source, shape) = layout.channels, live
    return Convolution(
        name=f"{name}_ones",
        node=node.name,
        source=source,
        output=f"{node.outputs[0]} ({name} ones)",
        input_shape=shape,
        output_shape=layout.shape,
        weights=selecting(node, channels, 1, 1, shape[2]),
        bias=np.ones(channels, np.int64),
        rule=Mean(1, -128, 127, channels=channels),
        pad=0,
        stride=(0, 0),
        region=Region(0, 0, layout.height, layout.width),
        uniform=True,
    )
