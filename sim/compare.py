"""Compares answers element for element, and says where they begin to differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from accel.text import escaped

LISTED = 8  # further differing layers that a message names


def assert_same(actual: Any, expected: Any) -> None:
    """Assert that two answers are equal in every element.

    ``actual`` and ``expected`` are results of ``Program.run``, mappings from names to arrays, or
    arrays. Of results, the layers are compared where both have them, then the outputs; of mappings,
    all that ``expected`` has, in its order, which is best the network's.

    Raises ``AssertionError``, which names the first array that differs, the first element in it,
    both values, and how many differ.
    """
    __tracebackhide__ = True
    ours, theirs = _arrays(actual, expected), _arrays(expected, actual)
    missing = [name for name in theirs if name not in ours]
    if missing:
        names, there = (escaped(", ".join(some)) for some in (missing, ours))
        raise AssertionError(f"missing: {names}; there are {there}")
    found = [
        (name, problem)
        for name, array in theirs.items()
        if (problem := _difference(ours[name], array)) is not None
    ]
    if not found:
        return
    (name, (count, detail)), others = found[0], found[1:]
    lines = [f"{name} is the first of {len(theirs)} to differ: {count}", f"  {detail}"]
    if others:
        listed = [f"{name} ({count})" for name, (count, _) in others[:LISTED]]
        listed += ["..."] if len(others) > LISTED else []
        lines.append(f"  after it differ: {', '.join(listed)}")
    raise AssertionError("\n".join(map(escaped, lines)))


def _arrays(answer: Any, other: Any) -> Mapping[str, np.ndarray]:
    if isinstance(answer, Mapping):
        return answer
    if hasattr(answer, "outputs"):
        both = getattr(other, "layers", None) and answer.layers
        layers = answer.layers if both else {}
        return {**layers, **{f"output {name}": x for name, x in answer.outputs.items()}}
    return {"array": np.asarray(answer)}


def _difference(actual: Any, expected: Any) -> tuple[str, str] | None:
    """How much differs, and where first; ``None`` for nothing."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        ours, theirs = (f"{x.dtype} {list(x.shape)}" for x in (actual, expected))
        return "type or shape", f"{ours}, expected {theirs}"
    differs = actual != expected
    if actual.dtype.kind == "f":
        differs &= ~(np.isnan(actual) & np.isnan(expected))
    if not differs.any():
        return None
    first = np.unravel_index(int(differs.argmax()), differs.shape)
    at = ", ".join(str(int(index)) for index in first)
    return (
        f"{int(differs.sum()):,} of {differs.size:,} elements",
        f"first at [{at}]: {actual[first]}, expected {expected[first]}",
    )
