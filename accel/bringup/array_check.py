"""The array, its weights, its requantizers and their tables: patterns against the machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.host.driver import RunEnded
from accel.host.exchange import Transport
from accel.host.runner import run
from accel.session import Session
from accel.sim.functional.machine import Machine

from . import patterns
from .patterns import Pattern
from .sharp_constants import with_parameters
from .steps import Finding, Step, failed, impossible, passed

Make = Callable[[AcceleratorConfig], Sequence[Pattern]]

REQUANTIZER, ARRAY = "requantizer", "array"
HALVES = 2  # of the memory of channel parameters
_MOST_PLACES = 4  # that are named one by one
_CELL = (
    "the chip: a cell or a wire of this element is damaged, or too slow; another seed of `accel "
    "build` places it elsewhere, and a lower clock tells which"
)
SHARED = (
    "timing and supply: whether the bitstream meets its clock (`accel build` says it), the board's "
    "clock, and the voltage of the core; then the chip, by another seed of `accel build`"
)
RAM = (
    "the chip: this block RAM is damaged; another seed of `accel build` places it elsewhere. If "
    "it differs from run to run, timing and supply"
)


@dataclass
class Wrong:
    """Outputs of patterns that differ from the machine's.

    ``elements`` has how often each element of the array was wrong, ``[rows, columns]``, and
    ``used`` how many outputs it computed.
    """

    config: AcceleratorConfig
    elements: np.ndarray = field(init=False)
    used: np.ndarray = field(init=False)
    codes: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shape = self.config.rows, self.config.columns
        self.elements, self.used = np.zeros(shape, int), np.zeros(shape, int)

    def add(self, pattern: Pattern, differs: np.ndarray) -> None:
        """Count outputs ``[positions, channels]``."""
        column = _columns_of(pattern)
        positions, channels = np.indices(differs.shape)
        place = positions % self.config.rows, column[channels]
        np.add.at(self.elements, place, differs)
        np.add.at(self.used, place, 1)

    def __bool__(self) -> bool:
        return bool(self.elements.any())


def _columns_of(pattern: Pattern) -> np.ndarray:
    """The column of the array that computes each channel."""
    channels = pattern.program.commands[0].channels
    found = np.zeros(int(channels.max()) + 1, int)
    for group in channels:
        columns = np.flatnonzero(group >= 0)
        found[group[columns]] = columns
    return found


def answers(transport: Transport, pattern: Pattern) -> tuple[np.ndarray, np.ndarray]:
    """What the core and the machine answer, ``[positions, channels]``.

    Raises ``LinkError``, ``RunEnded`` and what a core of another build raises.
    """
    program = pattern.program
    driven = Session(program).driven(transport)
    found, expected = (
        run(program, core, pattern.inputs)[program.graph.outputs[0]]
        for core in (driven, Machine(program))
    )
    return tuple(array.reshape(-1, array.shape[-1]) for array in (found, expected))  # type: ignore[return-value]


def _collected(
    config: AcceleratorConfig, transport: Transport, made: Sequence[Pattern]
) -> tuple[Wrong, str]:
    """What was wrong in patterns, and why a run of one did not end, if so."""
    wrong = Wrong(config)
    for pattern in made:
        try:
            found, expected = answers(transport, pattern)
        except RunEnded as problem:
            return wrong, f"{pattern.title}: {problem}"
        wrong.add(pattern, found != expected)
    return wrong, ""


def check_requantizers(config: AcceleratorConfig, transport: Transport) -> Step:
    """Biases, divisors and offsets of all sizes, with a sum of 0."""
    name = REQUANTIZER
    try:
        made = [with_parameters(patterns.channel_parameters(config), HALVES)]
    except UserError as refusal:
        return impossible(name, f"the pattern cannot be compiled: {refusal}")
    wrong, problem = _collected(config, transport, made)
    if problem:
        return failed(name, stopped(problem))
    if wrong and not _whole_columns(wrong):
        return impossible(name, "elements of the array add to a sum of 0; see what the array says")
    if wrong:
        return failed(name, _requantizers(wrong))
    channels = made[0].program.graph.tensor("y").shape[-1]
    return passed(
        name,
        f"{channels} channels with biases and divisors of all sizes, in both halves of the "
        f"channel parameters: every code is the machine's",
    )


def check_array(config: AcceleratorConfig, transport: Transport) -> Step:
    """Each element multiplies each bit by each bit, and sums of either sign."""
    name = ARRAY
    try:
        made = [*patterns.products(config), patterns.sums(config)]
    except UserError as refusal:
        return impossible(name, f"the patterns cannot be compiled: {refusal}")
    wrong, problem = _collected(config, transport, made)
    if problem or wrong:
        return failed(name, stopped(problem) or _elements(wrong))
    return passed(
        name,
        f"{config.rows}x{config.columns} elements: every bit of an activation by every bit of a "
        f"weight, and sums of {made[-1].program.commands[0].steps} products; each output is the "
        f"machine's",
    )


def stopped(problem: str) -> list[Finding]:
    """That a run did not end, if it did not."""
    if not problem:
        return []
    look = "the sequencer and its clock: whether the bitstream meets timing (`accel build` says it)"
    return [Finding(said=problem, look=look, place={"run": "not over"})]


def _elements(wrong: Wrong) -> list[Finding]:
    """Which elements, rows or columns are wrong."""
    bad, (rows, columns) = wrong.elements > 0, wrong.elements.shape
    whole_columns = [c for c in range(columns) if bad[:, c].all()]
    whole_rows = [r for r in range(rows) if bad[r].all()]
    if len(whole_columns) == columns:
        return [
            Finding(
                said="every element of the array is wrong: what all share, the activations, the "
                "marks of the steps, the drain or the write-back",
                look=SHARED,
                place={"array": "all"},
            )
        ]
    findings = [
        Finding(
            said=f"row {row} of the array is wrong in every column: the activations of this row",
            look=f"{_CELL} (the row feeder, row {row})",
            place={"row": row},
        )
        for row in whole_rows
    ]
    findings += [
        Finding(
            said=f"column {column} of the array is wrong in every row: the weights of this column",
            look=f"{_CELL} (the weight buffer and the registers of weights, column {column})",
            place={"column": column},
        )
        for column in whole_columns
    ]
    rest = bad.copy()
    rest[whole_rows], rest[:, whole_columns] = False, False
    places = np.argwhere(rest)
    for row, column in places[:_MOST_PLACES]:
        share = f"{wrong.elements[row, column]} of {wrong.used[row, column]} outputs"
        findings.append(
            Finding(
                said=f"element ({row}, {column}) of the array, row and column, is wrong in {share}",
                look=_CELL,
                place={"row": int(row), "column": int(column)},
            )
        )
    if len(places) > _MOST_PLACES:
        more = len(places) - _MOST_PLACES
        findings.append(Finding(said=f"and {more} more elements", look=SHARED))
    return findings


def _whole_columns(wrong: Wrong) -> bool:
    """Whether a column is wrong in all rows or in none: its elements have nothing in common."""
    bad = wrong.elements > 0
    return bool((bad.all(axis=0) | ~bad.any(axis=0)).all())


def _requantizers(wrong: Wrong) -> list[Finding]:
    """Which requantizer is wrong, or the parameters of which column."""
    bad, lanes = wrong.elements > 0, wrong.config.requantizers
    columns = set(map(int, np.flatnonzero(bad.any(axis=0))))
    findings = []
    for lane in range(lanes):
        served = set(range(lane, wrong.config.columns, lanes))
        if served <= columns:
            findings.append(
                Finding(
                    said=f"requantizer {lane} of {lanes}, or a bit of its channel parameters, is "
                    f"wrong: all its columns ({_list(served)}) are",
                    look=SHARED,
                    place={"requantizer": lane},
                )
            )
            columns -= served
    findings += [
        Finding(
            said=f"the channel parameters of column {column} are wrong, in requantizer "
            f"{column % lanes}",
            look=RAM,
            place={"requantizer": column % lanes, "column": column},
        )
        for column in sorted(columns)
    ]
    return findings


def _list(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
