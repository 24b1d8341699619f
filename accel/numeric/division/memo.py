"""Divisions that were solved before: the same question is asked for every size of the core.

A division depends on a channel's rule, bias and sums alone. To solve and prove it is most of the
work of a compilation, so that answers are kept as long as the process runs.
"""

import hashlib
import pickle
from collections import OrderedDict

import numpy as np

from ..rules.rules import Rule
from .solver import Solution, solve

KEPT = 2048  # solutions; of a layer each, a few numbers for each channel

_known: OrderedDict[bytes, Solution] = OrderedDict()


def solve_once(rule: Rule, bias: np.ndarray, least: np.ndarray, greatest: np.ndarray) -> Solution:
    """As `solve` with tie channels; what was solved before is not solved again."""
    try:
        key = hashlib.sha256(pickle.dumps((rule, bias, least, greatest))).digest()
    except (AttributeError, TypeError, pickle.PicklingError):  # a rule of someone else's
        return solve(rule, bias, least, greatest, True)
    if key in _known:
        _known.move_to_end(key)
        return _known[key]
    found = solve(rule, bias, least, greatest, True)
    _known[key] = found
    if len(_known) > KEPT:
        _known.popitem(last=False)
    return found


def forget() -> None:
    """Forget all solutions, to measure how long they take."""
    _known.clear()
