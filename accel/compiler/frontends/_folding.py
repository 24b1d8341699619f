"""Arithmetic on constants that is done while a file is read: what all formats have in common."""

import numpy as np

# Elements of all constants that are made: MAX_FOLDED, and COPIES times those of the file.
MAX_FOLDED = 2**24
COPIES = 8


class Exhausted(Exception):
    """The file makes larger constants than its size allows; the message says how large."""


class Budget:
    """Elements that constants may still take, of a file with so many ``own`` ones."""

    def __init__(self, own: int) -> None:
        self._most = self._left = MAX_FOLDED + COPIES * own

    def spend(self, elements: int) -> None:
        """Account for elements of a constant that is about to be made. Raises ``Exhausted``."""
        self._left -= elements
        if self._left < 0:
            raise Exhausted(f"needs constants of more than {self._most} elements in all")


def divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Division as ONNX and TFLite have it: of integers, towards zero. Raises ``ValueError``."""
    if not np.issubdtype(a.dtype, np.integer):
        return a / b
    if (b == 0).any():
        raise ValueError("an integer is divided by 0")
    return np.where((a < 0) != (b < 0), -(np.abs(a) // np.abs(b)), np.abs(a) // np.abs(b))
