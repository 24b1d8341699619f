"""The difference of two tensors."""

from dataclasses import dataclass

from ...numeric.elementwise.arithmetic import Arithmetic
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known


@dataclass(frozen=True, kw_only=True)
class Sub:
    """A fused activation."""

    activation: str = "none"


def _function(arithmetic: Arithmetic, *operands):
    return arithmetic.subtract(*operands)


OPERATOR = binary_operator(Sub, _function, check=check_activation_known, bounds=activation_bounds)
