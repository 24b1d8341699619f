"""The logistic function ``1 / (1 + exp(-x))``."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """The tensors' quantization says all."""


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Logistic
) -> np.ndarray:
    return arithmetic.logistic(codes, source, output)


OPERATOR = unary_operator(Logistic, _function)
