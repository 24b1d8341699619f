"""The square of the difference of two tensors."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._activation import FusedActivation
from ._driver_pairs import driver_pair_operator


@dataclass(frozen=True, kw_only=True)
class SquaredDifference:
    """A fused activation, of which files have none."""

    activation: FusedActivation = "none"


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return arithmetic.squared_difference(a, b, *affine)


OPERATOR = driver_pair_operator(SquaredDifference, _function)
