"""A function of two codes as a sum of two table entries, and the proof that it is.

Rescaling additions, and whatever else is a rounded sum of a function of each operand, have integer
tables ``first`` and ``second`` such that for all 65,536 pairs of codes

    clamp((first[x + 128] + second[y + 128]) >> FRACTION_BITS, low + 128, high + 128) - 128

is the function's value. Every pair puts a lower and an upper bound on the sum of two entries, but
for the clamped ones, which have one of the two: a system of difference constraints, which `solve`
decides. What it returns has been checked on every pair.
"""

import numpy as np

FRACTION_BITS = 18
ENTRY_BITS = 29


def solve(values: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the tables, int64 ``[256]`` each, of a function; None where there are none.

    Parameters
    ----------
    values
        Codes, int ``[256, 256]``, of all pairs in order of their codes.
    low, high
        The clamp that follows; all values lie within.
    """
    codes = np.asarray(values, np.int64) + 128
    unit, never = 1 << FRACTION_BITS, np.int64(1) << 40
    least = np.where(codes > low + 128, codes * unit, -never)
    greatest = np.where(codes < high + 128, (codes + 1) * unit - 1, never)

    # Bellman and Ford: with the second table negated each bound is on a difference, that of an
    # entry too, from an unknown that stands for zero. A system that has a solution comes to rest
    # within as many rounds as it has unknowns.
    limit = 1 << ENTRY_BITS - 1
    first, negated = plane(values, low, high)
    zero = np.int64(0)
    for _ in range(first.size + negated.size + 2):
        before = first, negated, zero
        first = np.minimum(first, (negated + greatest).min(axis=1)).clip(None, zero + limit - 1)
        negated = np.minimum(negated, (first[:, None] - least).min(axis=0)).clip(None, zero + limit)
        zero = min(zero, (first + limit).min(), (negated + limit - 1).min())
        if all((old == new).all() for old, new in zip(before, (first, negated, zero), strict=True)):
            found = first - zero, zero - negated
            return found if (compute(*found, low, high) == values).all() else None
    return None


def plane(values: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """First guess of the tables, the second one negated: the plane that fits the values best."""
    codes = np.arange(-128, 128)
    between = (values > low) & (values < high)
    x, y = (axis[between] for axis in np.meshgrid(codes, codes, indexing="ij"))
    terms = np.stack([x, y, np.ones_like(x)], axis=1)
    a, b, c = np.linalg.lstsq(terms, values[between] + 128.5, rcond=None)[0]
    unit = 1 << FRACTION_BITS
    return tuple(np.rint(v * unit).astype(np.int64) for v in (a * codes, -b * codes - c))


def compute(first: np.ndarray, second: np.ndarray, low: int, high: int) -> np.ndarray:
    """The codes that the tables give, int64 ``[256, len(second)]``."""
    sums = first[:, None] + second
    return np.clip(sums >> FRACTION_BITS, low + 128, high + 128) - 128


def of_unary(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tables of a function of one code, int ``[256]``."""
    return (np.asarray(values, np.int64) + 128) << FRACTION_BITS, np.zeros(1, np.int64)
