"""The dimensions of a tensor in another order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rules.rules import Mean
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part
from ._kinds import Movement
from ._moves import check_moved, check_shape
from ._operator import (
    check_arity,
    check_variable,
    input_tensor,
    output_tensor,
    require,
    selecting,
    support,
)

# Channels that a transposition makes positions of: each takes a layer.
MOST_PICKED = 16


@dataclass(frozen=True, kw_only=True)
class Transpose:
    """``order`` has for each dimension of the output that of the input; the batch stays first."""

    order: tuple[int, ...]


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, order = input_tensor(node, graph), node.attributes.order
    check_variable(node, source)
    permutes = sorted(order) == list(range(len(source.shape)))
    require(permutes, node, f"order {order} is no order of {len(source.shape)} dimensions")
    support(order[0] == 0, node, "the batch dimension cannot be moved")
    check_shape(node, output_tensor(node, graph), tuple(source.shape[axis] for axis in order))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [inputs[0].transpose(node.attributes.order)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """One copy layer where the channels stay last; else one for each channel, see `_picked`."""
    source, order = input_tensor(node, graph), node.attributes.order
    dims = len(order)
    support(dims <= 4, node, f"{dims} dimensions are not supported", "", "use 4 or less")
    # Height, width and channels; with fewer dimensions, the first of these have size 1.
    missing = 4 - dims
    axes = (*range(missing), *(axis - 1 + missing for axis in order[1:]))
    shape = (1,) * missing + source.shape[1:]
    output = layout_of(output_tensor(node, graph))
    if axes[2] == 2:
        size = as_stored(source.shape, 1)
        ends = ((source.name, layout), (node.outputs[0], output))
        copy = copied_part(node, node.name, *ends, size=size)
        return [copy.replace(transposed=axes[0] == 1)]
    what = f"{shape[2]} channels that become positions are more than {MOST_PICKED}"
    why = "each is a layer of its own"
    support(shape[2] <= MOST_PICKED, node, what, why, "no board and no option of the core runs it")
    return [_picked(node, layout, output, axes, channel) for channel in range(shape[2])]


def _picked(
    node: Node, source: TensorLayout, output: TensorLayout, axes: tuple[int, ...], channel: int
) -> Convolution:
    """The layer that copies one input channel to a row or a column of the output.

    Its window covers the whole dimension that becomes the output's channels: output channel ``i``
    has a weight of 1 at tap ``i``. Along the other dimension the window moves as usual.
    """
    wide = axes[2]  # 0 where the height becomes the channels, 1 where the width does
    count, size = source.shape[1 - wide], source.shape[wide]
    weights = selecting(node, size, size, source.channels)
    weights[np.arange(size), np.arange(size), channel] = 1
    # The output's other dimension is the input's channel: no step in the source belongs to it.
    region = Region(0, channel, count, 1) if wide else Region(channel, 0, 1, count)
    return Convolution(
        name=f"{node.name}_{channel}",
        node=node.name,
        source=node.inputs[0],
        output=node.outputs[0],
        input_shape=source.shape,
        output_shape=output.shape,
        weights=np.expand_dims(weights, 1 if wide else 2),
        bias=np.zeros(size, np.int64),
        rule=Mean(1, -128, 127, channels=size),
        pad=0,
        stride=(1, 0) if wide else (0, 1),
        region=region,
        transposed=(axes[0] == 2) == bool(wide),
    )


OPERATOR = Movement(attributes=Transpose, check=check, reference=reference, lower=lower, host=True)
