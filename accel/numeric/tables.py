"""A function of two codes as a sum of two table entries, and the proof that it is.

Rescaling additions, and whatever else is a rounded sum of a function of each operand, have integer
tables ``first`` and ``second`` such that for all 65,536 pairs of codes

    clamp((first[x + 128] + second[y + 128]) >> FRACTION_BITS, low + 128, high + 128) - 128

is the function's value. Every pair puts a lower and an upper bound on the sum of two entries, but for
the clamped ones, which have one of the two. `solve` begins with the plane that fits the values best
and moves the entries until all bounds hold; what it returns has been checked on every pair.
"""

import numpy as np

FRACTION_BITS = 18
ENTRY_BITS = 28
_ROUNDS = 1000


def solve(
    values: np.ndarray, low: int, high: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the tables, int64 ``[256]`` each, of a function; None where none are found.

    Parameters
    ----------
    values
        Codes, int ``[256, 256]``, of all pairs in order of their codes.
    low, high
        The clamp that follows; all values lie within.
    """
    codes = np.asarray(values, np.int64) + 128
    unit, limit = 1 << FRACTION_BITS, 1 << ENTRY_BITS - 1
    never = np.int64(1) << 40
    least = np.where(codes > low + 128, codes * unit, -never)
    greatest = np.where(codes < high + 128, (codes + 1) * unit - 1, never)

    first, second = (
        np.clip(np.rint(guess * unit), 1 - limit, limit - 1).astype(np.int64)
        for guess in _plane(values, low, high)
    )
    for _ in range(_ROUNDS):
        # Each table in turn moves into the middle of what the other one leaves to it.
        first = _within(first, least - second, greatest - second, limit)
        second = _within(second, (least - first[:, None]).T, (greatest - first[:, None]).T, limit)
        total = first[:, None] + second
        if ((least <= total) & (total <= greatest)).all():
            return first, second
    return None


def compute(first: np.ndarray, second: np.ndarray, low: int, high: int) -> np.ndarray:
    """The codes that the tables give, int64 ``[256, len(second)]``."""
    sums = first[:, None] + second
    return np.clip(sums >> FRACTION_BITS, low + 128, high + 128) - 128


def of_unary(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tables of a function of one code, int ``[256]``."""
    return (np.asarray(values, np.int64) + 128) << FRACTION_BITS, np.zeros(1, np.int64)


def _plane(values: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Real tables whose sums are nearly the codes + 128 and one half."""
    codes = np.arange(-128, 128)
    open_ = (values > low) & (values < high)
    x, y = (axis[open_] for axis in np.meshgrid(codes, codes, indexing="ij"))
    terms = np.stack([x, y, np.ones_like(x)], axis=1)
    a, b, c = np.linalg.lstsq(terms, values[open_] + 128.5, rcond=None)[0]
    return a * codes, b * codes + c


def _within(entries, least, greatest, limit) -> np.ndarray:
    """Entries moved into their bounds as little as need be, or between contradicting ones."""
    low, high = least.max(axis=1), greatest.min(axis=1)
    moved = np.where(low > high, (low + high) >> 1, np.clip(entries, low, np.maximum(low, high)))
    return np.clip(moved, -limit, limit - 1)
