"""The sum of two tensors."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ...numeric.rules.float_epilogue import FloatEpilogue
from ._activation import FusedActivation
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known


@dataclass(frozen=True, kw_only=True)
class Add:
    """A fused activation, or an epilogue of float32 steps; ``computed`` is as in `_binary`."""

    activation: FusedActivation = "none"
    computed: str = "codes"
    epilogue: FloatEpilogue | None = None


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return arithmetic.add(a, b, *affine)


OPERATOR = binary_operator(Add, _function, check=check_activation_known, bounds=activation_bounds)
