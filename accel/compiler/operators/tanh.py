"""The hyperbolic tangent."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Tanh:
    """The tensors' quantization says all."""


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Tanh
) -> np.ndarray:
    return arithmetic.tanh(codes, source, output)


OPERATOR = unary_operator(Tanh, _function)
