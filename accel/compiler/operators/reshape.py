"""The same values in the same order under another shape."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import copied_part
from ._kinds import Operand, View
from ._operator import (
    NUMBERS,
    check_activation,
    check_arity,
    check_moved_codes,
    input_tensor,
    output_tensor,
    require,
    support,
)

MOST_COPIES = 32
MOST_STEP = 15  # positions from one that a layer reads to the next


@dataclass(frozen=True, kw_only=True)
class Reshape:
    """The output tensor has the shape.

    Where it is ``relabelled``, the same codes stand for other numbers after it: the output has a
    quantization of its own.
    """

    relabelled: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("int8", *NUMBERS), quantized=False)
    if not node.attributes.relabelled:
        check_moved_codes(node, graph, source, output)
    what = f"{source.size} values cannot take the shape {output.shape}"
    require(source.size == output.size, node, what)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [inputs[0].reshape(len(inputs[0]), *output_tensor(node, graph).shape[1:])]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """Copy layers, where the number of channels changes.

    The channels of each position are split into groups of their greatest common divisor with the
    output's, then groups are joined to the output's channels.
    """
    output = layout_of(output_tensor(node, graph))
    piece = gcd(layout.channels, output.channels)
    apart, together = layout.channels // piece, output.channels // piece
    steps = _steps(together, output.height * output.width)
    copies = (apart if apart > 1 else 0) + sum(steps)
    what = f"shape {layout.shape} to {output.shape} takes {copies} copies, more than {MOST_COPIES}"
    why = "the values would lie in other memory words"
    support(copies <= MOST_COPIES, node, what, why, "use channels in multiples of the array's rows")
    pieces = node.outputs[0] if together == 1 else f"{node.outputs[0]} ({node.name} pieces)"
    source = node.inputs[0]
    layers: list[Convolution] = []
    if apart > 1:
        layers += _taken_apart(node, (source, layout), pieces, piece)
        source = pieces
    for index, step in enumerate(steps):
        piece *= step
        last = index + 1 == len(steps)
        target = node.outputs[0] if last else f"{node.outputs[0]} ({node.name} {index})"
        width = output.width * output.channels // piece
        joined = output if last else TensorLayout(output.height, width, piece)
        label = "" if len(steps) == 1 else f"join{index}_"
        layers += _put_together(node, label, source, (target, joined), step)
        source = target
    return layers


def _steps(together: int, positions: int) -> list[int]:
    """How many neighbours are joined at a time, until there are so many together.

    Where more are joined than a layer can step over, that takes several times, if their number has
    such divisors. One position is written without steps.
    """
    if together <= 1 or together <= MOST_STEP or (positions == 1 and together <= MOST_COPIES):
        return [together] if together > 1 else []
    divisor = next((n for n in range(MOST_STEP, 1, -1) if together % n == 0), together)
    return [divisor, *_steps(together // divisor, positions)]


def _taken_apart(node: Node, source: Operand, output: str, piece: int) -> Iterator[Convolution]:
    """Layers that split each position's channels into neighbouring positions of fewer channels."""
    height, width, channels = source[1].shape
    count = channels // piece
    for index in range(count):
        yield copied_part(
            node,
            f"{node.name}_apart{index}",
            source,
            (output, TensorLayout(height, width * count, piece)),
            start=(0, 0, index * piece),
            target=(0, index, 0),
            size=(height, width, piece),
            output_stride=(1, count),
        )


def _put_together(
    node: Node, label: str, source: str, output: Operand, count: int
) -> Iterator[Convolution]:
    """Layers that join ``count`` neighbouring positions to one of more channels."""
    height, width, channels = output[1].shape
    piece = channels // count
    single = count > MOST_STEP and height * width == 1
    for index in range(count):
        yield copied_part(
            node,
            f"{node.name}_{label}{index}",
            (source, TensorLayout(height, width * count, piece)),
            output,
            start=(0, index, 0),
            step=(1, 1 if single else count, 1),
            target=(0, 0, index * piece),
            size=(height, width, piece),
        )


OPERATOR = View(attributes=Reshape, check=check, reference=reference, lower=lower, host=True)
