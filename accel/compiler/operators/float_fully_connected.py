"""Matrix product of float32 numbers, which the driver adds up in the runtime's own order.

The rounding of each addition decides codes near exact halves. Weights are float32 ``[out, in]``;
a third input is a bias ``[out]`` with which the runtime begins its sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.runtimes.sgemm import sgemm
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import check_activation, check_arity, input_tensor, output_tensor, require


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatFullyConnected:
    """``rows`` are those of the file's matrix, batch and all: a single one has its own kernel.

    ``transposed`` says that the weights lie in the file as they do here. ``places`` is where in our
    row each value of the file's is, where that is another place.
    """

    rows: int = 1
    transposed: bool = False
    places: np.ndarray | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=3, optional=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("float32",))
    out, depth = input_tensor(node, graph, 1).shape
    fits = output.shape[-1] == out and source.size // depth == output.size // out
    require(fits and source.size % depth == 0, node, "must have weights that fit its input")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``MatMul`` and ``Gemm`` of ONNX Runtime."""
    a, weights = node.attributes, input_tensor(node, graph, 1).values
    out, depth = weights.shape
    found = []
    for sample in inputs[0]:
        rows = sample.reshape(-1, depth)
        rows = rows if a.places is None else rows[:, a.places]
        count = len(rows)
        if count < a.rows:  # of a batch, whose other rows change the kernel only
            rows = np.concatenate([rows, rows])
        bias = inputs[2] if len(inputs) > 2 else np.zeros(out, np.float32)
        total = np.broadcast_to(bias, (len(rows), out))
        sums = sgemm(rows, weights.T, transposed_b=a.transposed, total=total)
        found.append(sums[:count])
    shape = output_tensor(node, graph).shape
    return [np.stack(found).reshape(len(inputs[0]), *shape[1:])]


OPERATOR = HostOnly(attributes=FloatFullyConnected, check=check, reference=reference, in_order=True)
