"""The difference of two tensors."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._activation import FusedActivation
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known


@dataclass(frozen=True, kw_only=True)
class Sub:
    """A fused activation."""

    activation: FusedActivation = "none"


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return arithmetic.subtract(a, b, *affine)


OPERATOR = binary_operator(Sub, _function, check=check_activation_known, bounds=activation_bounds)
