"""The product of two tensors, element by element."""

from dataclasses import dataclass

from ...numeric.elementwise import Arithmetic
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known


@dataclass(frozen=True, kw_only=True)
class Mul:
    """A fused activation is all that there is to say."""

    activation: str = "none"


def _function(arithmetic: Arithmetic, *operands):
    return arithmetic.multiply(*operands)


OPERATOR = binary_operator(Mul, _function, check=check_activation_known, bounds=activation_bounds)
