"""The larger of two elements, of tensors that are all quantized alike."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise import Arithmetic
from ..ir import Graph, Node
from ._binary import binary_operator, operands
from ._operator import check_same_quantization, output_tensor


@dataclass(frozen=True, kw_only=True)
class Maximum:
    """Nothing to say."""


def _check(node: Node, graph: Graph) -> None:
    for tensor in operands(node, graph):
        check_same_quantization(node, tensor, output_tensor(node, graph))


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return np.maximum(a, b)


OPERATOR = binary_operator(Maximum, _function, check=_check)
