"""Leaky ReLU: ``x`` or, where negative, ``alpha * x``."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class LeakyRelu:
    """``alpha`` is a float32 value, which may be negative."""

    alpha: float


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: LeakyRelu
) -> np.ndarray:
    return arithmetic.leaky_relu(codes, source, output, attributes.alpha)


OPERATOR = unary_operator(LeakyRelu, _function)
