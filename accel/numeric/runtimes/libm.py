"""float32 functions of the system's C library, which TFLite's kernels call.

NumPy's own differ from them in the last bit of some results.
"""

import ctypes
import ctypes.util
import sys
from collections.abc import Callable
from functools import cache

import numpy as np


def expf(x: np.ndarray) -> np.ndarray:
    """``exp(x)`` of a float32 array."""
    return _mapped("expf", x)


def logf(x: np.ndarray) -> np.ndarray:
    """``log(x)`` of a float32 array."""
    return _mapped("logf", x)


def _mapped(name: str, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float32)
    function = _function(name)
    return np.array([function(v) for v in x.reshape(-1).tolist()], np.float32).reshape(x.shape)


@cache
def _function(name: str) -> Callable[[float], float]:
    library = "ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")
    function = getattr(ctypes.CDLL(library), name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function
