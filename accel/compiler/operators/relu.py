"""A rectifier of its own: the input clamped to the bounds of an activation.

TFLite Micro's RELU6 clamps the input's codes and takes them for the output's, however that is
quantized.
"""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ..ir.graph import Graph, Node
from ._activation import FusedActivation, code_bounds
from ._elementwise import activation_bounds, check_activation_known
from ._operator import input_tensor
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Relu:
    """``activation`` is one of those that may be fused.

    Without ``rescales`` codes are clamped unchanged, by bounds in the input's quantization, or by
    the least and the greatest of ``codes``.
    """

    activation: FusedActivation = "relu"
    rescales: bool = True
    codes: tuple[int, int] | None = None


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Relu
) -> np.ndarray:
    return arithmetic.rescale(codes, source, output) if attributes.rescales else codes


def _bounds(node: Node, graph: Graph) -> tuple[int, int]:
    if node.attributes.codes is not None:
        return node.attributes.codes
    if node.attributes.rescales:
        return activation_bounds(node, graph)
    return code_bounds(node.attributes.activation, input_tensor(node, graph), graph.contract)


OPERATOR = unary_operator(
    Relu, _function, check=check_activation_known, bounds=_bounds, monotone=True
)
