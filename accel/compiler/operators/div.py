"""The quotient of two tensors."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._activation import FusedActivation
from ._driver_pairs import driver_pair_operator


@dataclass(frozen=True, kw_only=True)
class Div:
    """A fused activation."""

    activation: FusedActivation = "none"


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return arithmetic.divide(a, b, *affine)


OPERATOR = driver_pair_operator(Div, _function)
