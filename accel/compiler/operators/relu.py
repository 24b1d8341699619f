"""A rectifier of its own: the input clamped to the bounds of an activation."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise import Arithmetic
from ._elementwise import activation_bounds, check_activation_known
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Relu:
    """``activation`` is one of those that may be fused."""

    activation: str = "relu"


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Relu
) -> np.ndarray:
    return arithmetic.rescale(codes, source, output)


OPERATOR = unary_operator(
    Relu, _function, check=check_activation_known, bounds=activation_bounds, monotone=True
)
