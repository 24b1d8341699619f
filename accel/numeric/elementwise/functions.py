"""Real functions of one number that operators compute by a table of all codes.

They take and return float64 arrays. Parameters, where there are any, come after the numbers.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _hard_sigmoid(x: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    return np.clip(alpha * x + beta, 0, 1)


def _selu(x: np.ndarray, alpha: float, gamma: float) -> np.ndarray:
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


FUNCTIONS: Mapping[str, Callable[..., np.ndarray]] = MappingProxyType(
    {
        "ceil": np.ceil,
        "cos": np.cos,
        "divided": lambda x, number: number / x,
        "erf": _erf,
        "exp": np.exp,
        "floor": np.floor,
        "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
        "hard_sigmoid": _hard_sigmoid,
        "log": np.log,
        "negative": np.negative,
        "quotient": lambda x, number: x / number,
        "reciprocal": np.reciprocal,
        "round": np.rint,
        "selu": _selu,
        "sign": np.sign,
        "sin": np.sin,
        "softplus": lambda x: np.logaddexp(x, 0),
        "softsign": lambda x: x / (1 + np.abs(x)),
        "sqrt": np.sqrt,
    }
)
