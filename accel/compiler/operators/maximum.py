"""The larger of two elements' codes."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._binary import binary_operator, check_alike


@dataclass(frozen=True, kw_only=True)
class Maximum:
    """No attributes."""


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return np.maximum(a, b)


OPERATOR = binary_operator(Maximum, _function, check=check_alike)
