"""The checks of operators that move codes and change none."""

from ..ir.graph import Graph, Node, Tensor
from ._operator import (
    check_activation,
    check_arity,
    check_moved_codes,
    check_operand,
    check_rank,
    check_variable,
    require,
    support,
)

DTYPES = ("int8", "float32", "int32")  # what is no code, only the driver moves


def check_moved(node: Node, graph: Graph, inputs: tuple[str, ...] | None = None) -> None:
    """Require tensors between which codes can be copied; ``inputs`` are all by default."""
    outputs = [graph.tensor(name) for name in node.outputs]
    require(bool(outputs), node, "has no output")
    for tensor in outputs:
        check_activation(node, tensor, DTYPES, quantized=False)
    for name in node.inputs if inputs is None else inputs:
        tensor = graph.tensor(name)
        check_operand(node, tensor, DTYPES, quantized=False)
        for output in outputs:
            check_moved_codes(node, graph, tensor, output)


def check_axis(node: Node, tensor: Tensor, axis: int) -> None:
    """Require a dimension of the tensor that is not the batch."""
    dims = len(tensor.shape)
    require(0 <= axis < dims, node, f"axis {axis} is out of range for {dims} dimensions")
    support(axis > 0, node, "the batch dimension cannot be split or concatenated")


def check_shape(node: Node, tensor: Tensor, expected: tuple[int, ...]) -> None:
    what = f"tensor {tensor.name!r} must have shape {expected}, not {tensor.shape}"
    require(tensor.shape == expected, node, what)


def dimension_apart(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """A shape without one of its dimensions."""
    return (*shape[:axis], *shape[axis + 1 :])


def check_blocks(node: Node, graph: Graph, wide: Tensor, deep: Tensor) -> None:
    """Require ``wide`` to have a square of positions for each position's channels in ``deep``."""
    check_arity(node, inputs=1)
    check_moved(node, graph)
    for tensor in (wide, deep):
        check_variable(node, tensor)
        check_rank(node, tensor, 4)
    block = node.attributes.block
    require(1 <= block <= max(wide.shape), node, f"block size {block} is out of range")
    _, height, width, channels = deep.shape
    expected = (1, height * block, width * block)
    what = f"blocks of {block}x{block} do not make {wide.shape} from {deep.shape}"
    require(wide.shape[:3] == expected and channels == wide.shape[3] * block**2, node, what)


def check_reduced(node: Node, source: Tensor, output: Tensor) -> None:
    """Require the output's shape to lack the node's ``axes``, or to have them as 1s by ``keep``."""
    axes, keep, dims = node.attributes.axes, node.attributes.keep, len(source.shape)
    inside = len(set(axes)) == len(axes) and all(0 <= axis < dims for axis in axes)
    require(inside, node, f"axes {axes} must be distinct and less than {dims}")
    shape = tuple(
        1 if axis in axes else size
        for axis, size in enumerate(source.shape)
        if keep or axis not in axes
    )
    require(output.shape == shape, node, f"output must have shape {shape}, not {output.shape}")
    support(0 not in axes, node, f"the {node.operator} over the batch is not supported")
