"""Real functions of one number that operators compute by a table of all codes.

They take and return float64 arrays. Parameters, where there are any, come after the numbers. Where
float32 numbers nearly cancel, they are ONNX Runtime's: its results have few digits there.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from ..runtimes import mlas


def _erf(x: np.ndarray) -> np.ndarray:
    return mlas.erf(x.astype(np.float32)).astype(np.float64)


def _gelu(x: np.ndarray) -> np.ndarray:
    small = x.astype(np.float32)
    share = mlas.erf(small * np.float32(math.sqrt(0.5))) + np.float32(1)
    return (np.float32(0.5) * small * share).astype(np.float64)


def _hard_sigmoid(x: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    return np.clip(alpha * x + beta, 0, 1)


def _selu(x: np.ndarray, alpha: float, gamma: float) -> np.ndarray:
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _power(x: np.ndarray, exponent: float) -> np.ndarray:
    """ONNX Runtime multiplies float32 numbers where the exponent is 2 or 3."""
    if exponent == 3:
        small = x.astype(np.float32)
        return (small * small * small).astype(np.float64)
    return x**exponent


def _celu(x: np.ndarray, alpha: float) -> np.ndarray:
    return np.maximum(x, 0) + np.minimum(alpha * np.expm1(np.minimum(x, 0) / alpha), 0)


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def _shrink(x: np.ndarray, bias: float, least: float) -> np.ndarray:
    return np.where(x < -least, x + bias, np.where(x > least, x - bias, 0))


FUNCTIONS: Mapping[str, Callable[..., np.ndarray]] = MappingProxyType(
    {
        "arccos": np.arccos,
        "arccosh": np.arccosh,
        "arcsin": np.arcsin,
        "arcsinh": np.arcsinh,
        "arctan": np.arctan,
        "arctanh": np.arctanh,
        "ceil": np.ceil,
        "celu": _celu,
        "cos": np.cos,
        "cosh": np.cosh,
        "divided": lambda x, number: number / x,
        "elu": lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x),
        "erf": _erf,
        "exp": np.exp,
        "floor": np.floor,
        "gelu": _gelu,
        "gelu_tanh": _gelu_tanh,
        "hard_sigmoid": _hard_sigmoid,
        "log": np.log,
        "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
        "negative": np.negative,
        "power": _power,
        "quotient": lambda x, number: x / number,
        "reciprocal": np.reciprocal,
        "round": np.rint,
        "selu": _selu,
        "shrink": _shrink,
        "sigmoid_product": lambda x, alpha: x / (1 + np.exp(-alpha * x)),
        "sign": np.sign,
        "sin": np.sin,
        "sinh": np.sinh,
        "softplus": lambda x: np.logaddexp(x, 0),
        "softsign": lambda x: x / (1 + np.abs(x)),
        "sqrt": np.sqrt,
        "tan": np.tan,
        "thresholded": lambda x, least: np.where(x > least, x, 0),
    }
)
