"""The exponential linear unit: ``x`` or, where negative, ``exp(x) - 1``."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Elu:
    """The tensors' quantization says all."""


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Elu
) -> np.ndarray:
    return arithmetic.elu(codes, source, output)


OPERATOR = unary_operator(Elu, _function)
