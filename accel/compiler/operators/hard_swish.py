"""Hard-swish: ``x * clamp(x + 3, 0, 6) / 6``."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class HardSwish:
    """The tensors' quantization says all."""


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: HardSwish
) -> np.ndarray:
    return arithmetic.hard_swish(codes, source, output)


OPERATOR = unary_operator(HardSwish, _function)
