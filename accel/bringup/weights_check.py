"""The weight buffer: what each of its words holds is seen in an output."""

from collections.abc import Iterator

import numpy as np

from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.host.driver import RunEnded
from accel.host.exchange import Transport

from . import patterns
from .array_check import RAM, SHARED, answers, stopped
from .steps import Finding, Step, failed, impossible, passed

_MOST_PLACES = 4  # that are named one by one


def check_weights(config: AcceleratorConfig, transport: Transport) -> Step:
    """Every step of both halves of the weight buffer, each bit at 0 and at 1."""
    name = "weights"
    try:
        made = patterns.weight_buffer(config)
    except UserError as problem:
        return impossible(name, f"the patterns cannot be compiled: {problem}")
    by_step, by_block, inverted, inverted_block = (p.program.commands[0].steps for p in made)
    steps = by_step
    assert steps == by_block == inverted == inverted_block
    differences = []
    for pattern in made:
        try:
            found, expected = answers(transport, pattern)
        except RunEnded as problem:
            return failed(name, stopped(f"{pattern.title}: {problem}"))
        differences.append(found.astype(int) - expected)
    both = [abs(a) + abs(b) for a, b in (differences[0:2], differences[2:4])]
    if any(part.any() for part in both):
        return failed(name, list(_cells(config, steps, *both)))
    whole = "all" if steps >= config.weight_steps // 2 else f"the first {steps:,}"
    return passed(
        name,
        f"{whole} of {config.weight_steps // 2:,} steps of each half of the weight buffer, in "
        f"{config.columns} columns: each bit was 0 and 1",
    )


def _cells(
    config: AcceleratorConfig, steps: int, by_step: np.ndarray, by_block: np.ndarray
) -> Iterator[Finding]:
    """Which steps of which columns are wrong, from the classes ``[classes, channels]`` that are:
    the class of step ``k`` is ``k % classes``, and in the other pattern ``k * classes // steps``.
    """
    classes, columns = len(by_step), config.columns
    bad = (by_step > 0).any(axis=0) | (by_block > 0).any(axis=0)
    if bad.all() and columns > 1:
        yield Finding(
            said="the weight buffer is wrong in every column: its addresses or its words",
            look=f"{RAM}; {SHARED}",
            place={"weights": "all"},
        )
        return
    number = np.arange(steps)
    for channel in map(int, np.flatnonzero(bad)):
        group, column = divmod(channel, columns)
        a, b = np.flatnonzero(by_step[:, channel]), np.flatnonzero(by_block[:, channel])
        at = number[np.isin(number % classes, a) & np.isin(number * classes // steps, b)]
        where = f"weight buffer, half {group}, column {column}"
        place: dict[str, object] = {"weights": group, "column": column}
        if len(a) * len(b) <= _MOST_PLACES:
            listed = ", ".join(map(str, at))
            place["steps"] = [int(step) for step in at]
            yield Finding(said=f"{where}: step {listed} is wrong", look=RAM, place=place)
        else:
            said = f"{where}: {len(a)} of {classes} classes of steps are wrong, a bit of all words"
            yield Finding(said=said, look=RAM, place=place)
