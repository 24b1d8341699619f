"""One over the square root."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Rsqrt:
    """No attributes."""


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Rsqrt
) -> np.ndarray:
    return arithmetic.reciprocal_root(codes, source, output)


OPERATOR = unary_operator(Rsqrt, _function)
