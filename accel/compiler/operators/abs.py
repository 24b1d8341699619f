"""The absolute value."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Abs:
    """No attributes."""


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Abs
) -> np.ndarray:
    return arithmetic.absolute(codes, source, output)


OPERATOR = unary_operator(Abs, _function)
