"""The sum of two tensors."""

from dataclasses import dataclass

from ...numeric.elementwise.arithmetic import Arithmetic
from ...numeric.rules.float_epilogue import FloatEpilogue
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known


@dataclass(frozen=True, kw_only=True)
class Add:
    """A fused activation, or an epilogue of float32 steps; ``computed`` is as in `_binary`."""

    activation: str = "none"
    computed: str = "codes"
    epilogue: FloatEpilogue | None = None


def _function(arithmetic: Arithmetic, *operands):
    return arithmetic.add(*operands)


OPERATOR = binary_operator(Add, _function, check=check_activation_known, bounds=activation_bounds)
