"""Where the codes of an output rule begin."""

import numpy as np

from .rules import StepFunction


def find_thresholds(rule: StepFunction, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The least biased sum in ``low..high`` whose code is at least k, int64 ``[codes, channels]``.

    Row ``i`` is for ``k = rule.low + 1 + i``. Where no sum reaches k, ``high + 1`` stands.
    """
    codes = np.arange(rule.low + 1, rule.high + 1, dtype=np.int64)[:, None]
    below = np.broadcast_to(low, (len(codes), len(low))).copy()
    above = np.broadcast_to(high + 1, below.shape).copy()
    for _ in range(int((high - low + 1).max(initial=1)).bit_length()):
        middle = (below + above) >> 1
        searching = below < above
        reaches = rule.compute(np.minimum(middle, high)) >= codes
        above = np.where(searching & reaches, middle, above)
        below = np.where(searching & ~reaches, middle + 1, below)
    return above
