"""The sequencer and the write-back: which bytes a layer writes, and which group each is of."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accel.compiler.program.executable import Chunk
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.host.driver import Driver, RunEnded
from accel.host.exchange import Transport
from accel.session import Session
from accel.sim.functional.machine import Machine

from . import patterns
from .array_check import SHARED, stopped
from .patterns import Pattern
from .steps import Finding, Step, failed, impossible, passed

NAME = "control"
_BEFORE = (0x5A, 0xA5)  # bytes that are there before the layer is run, once and again
_SEQUENCER = f"the sequencer: {SHARED}"
_WRITE_BACK = f"the write-back, from the post-op to the banks: {SHARED}"


@dataclass(frozen=True, eq=False)
class Written:
    """The bytes of a layer's outputs, ``[groups, positions, columns]``.

    ``real`` are those that there are, ``lane`` is the byte of its word that each goes to, ``found``
    what is there after a run and ``expected`` what should be; ``left`` were not written.
    """

    real: np.ndarray
    lane: np.ndarray
    found: np.ndarray
    expected: np.ndarray
    left: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        return self.real & (self.left | (self.found != self.expected))


def check_control(config: AcceleratorConfig, transport: Transport) -> Step:
    """A layer of several groups and tiles, each channel of which has a code of its own.

    A byte that holds another code, but where it should, is left to the steps that follow.
    """
    try:
        pattern = patterns.marked_channels(config)
    except UserError as problem:
        return impossible(NAME, f"the pattern cannot be compiled: {problem}")
    written, ended = _run(config, transport, pattern)
    findings = [*_groups(written)]
    if not findings and not ended:
        findings = [*_lanes(config, written)]
    if findings or ended:
        return failed(NAME, findings or stopped(ended))
    groups, positions, _ = written.real.shape
    rest = int(written.wrong.sum())
    also = f"; {rest} of them hold another code, see the next steps" if rest else ""
    return passed(
        NAME,
        f"{groups} groups of channels at {positions} positions: each byte of each word is "
        f"written, by its own group{also}",
    )


def _run(config: AcceleratorConfig, transport: Transport, pattern: Pattern) -> tuple[Written, str]:
    """What two runs have written, over other bytes each, and why one did not end, if so."""
    program, rows = pattern.program, config.rows
    layer = Machine(program).layers[0]
    (command,) = program.commands
    driven = Session(program).driven(transport)
    place, source = (program.placement(name) for name in ("y", "x"))
    words = place.layout.words(rows)
    driver, size = driven.driver, source.layout.words(rows) * rows
    # What is written is an address in the bank; a tile's rows may be more than there are positions.
    first, ended = place.address * rows, ""
    at = np.where(layer.writes >= 0, layer.writes - first, 0)
    cycles = sum(layer.cycles for layer in driven.expected)  # without a limit it might never end
    seen = []
    for before in _BEFORE:
        driver.write(place.bank, place.address, bytes([before]) * words * rows)
        driver.write(source.bank, source.address, bytes(size))
        ended = ended or _ended(driver, program.entries[0], cycles)
        data = driver.read(place.bank, place.address, words)
        seen.append(np.frombuffer(data, np.uint8)[at])
    real = layer.writes >= 0
    codes = command.division.compute(np.zeros((1, len(command.division.bias)), np.int64))[0]
    expected = codes.astype(np.int8).view(np.uint8)[np.maximum(command.channels, 0)][:, None]
    left = (seen[0] == _BEFORE[0]) & (seen[1] == _BEFORE[1])
    found = np.where(seen[0] == _BEFORE[0], seen[1], seen[0])
    expected = np.broadcast_to(expected, real.shape)
    return Written(real, layer.writes % rows, found, expected, real & left), ended


def _ended(driver: Driver, chunk: Chunk, cycles: int) -> str:
    """Run the layer; why that did not end, if so."""
    try:
        driver.run(chunk.bank, chunk.address, cycles=cycles)
    except RunEnded as problem:
        return str(problem)
    return ""


def _groups(written: Written) -> Iterator[Finding]:
    """Groups that were not computed, or with what belongs to another group."""
    real, left = written.real, written.left
    count = len(real)
    missing = [g for g in range(count) if left[g][real[g]].all()]
    if missing:
        if len(missing) == count:
            said = "nothing of a layer was written: the sequencer began none, or the write-back"
            yield Finding(said=said, look=_SEQUENCER, place={"sequencer": "layer"})
            return
        said = (
            f"group{'s' * (len(missing) > 1)} {_list(missing)} of {count} of a layer were left out"
        )
        yield Finding(said=said, look=_SEQUENCER, place={"sequencer": "groups", "groups": missing})
        return
    others = [g for g in range(count) if written.wrong[g][real[g]].all()]
    taken = [(g, h) for g in others for h in range(count) if g != h and _is_of(written, g, h)]
    if taken:
        pairs = ", ".join(f"{g} with {h}'s" for g, h in taken)
        place = {"sequencer": "groups", "groups": [g for g, _ in taken]}
        said = f"groups were computed with the parameters of others: {pairs}"
        yield Finding(said=said, look=_SEQUENCER, place=place)


def _is_of(written: Written, group: int, other: int) -> bool:
    """Whether a group has another one's codes wherever both have any."""
    both = written.real[group] & written.real[other]
    same = written.found[group] == written.expected[other]
    return bool(both.any() and same[both].all())


def _lanes(config: AcceleratorConfig, written: Written) -> Iterator[Finding]:
    """Bytes of words that are never written, or hold a bit; then bytes that are left out."""
    real, left, lanes = written.real, written.left, range(config.rows)
    mine = {lane: real & (written.lane == lane) for lane in lanes}
    never = [lane for lane in lanes if mine[lane].any() and left[mine[lane]].all()]
    for lane in never:
        said = f"byte {lane} of words is never written"
        yield Finding(said=said, look=_WRITE_BACK, place={"write_back": "lane", "lane": lane})
    rest = left & ~np.isin(written.lane, never)
    if rest.any() and not never:
        said = f"{rest.sum()} of {real.sum()} bytes were not written"
        yield Finding(said=said, look=_WRITE_BACK, place={"write_back": "addresses"})
    if left.any():
        return
    held = {lane: bit for lane in lanes if (bit := _held(written, mine[lane])) is not None}
    for lane, (number, value) in held.items():
        alike = [one for one in lanes if one % config.requantizers == lane % config.requantizers]
        if len(alike) == 1 or {*alike} <= {*held}:
            continue  # it is the requantizer's that has these lanes
        said = f"bit {number} of byte {lane} of words that are written is always {value}"
        place = {"write_back": "data", "lane": lane, "bit": number}
        yield Finding(said=said, look=_WRITE_BACK, place=place)


def _held(written: Written, where: np.ndarray) -> tuple[int, int] | None:
    """The bit that all codes there hold, if that is all that is wrong with them, and its value."""
    found, expected = written.found[where], written.expected[where]
    bits = np.bitwise_or.reduce(found ^ expected) if found.size else 0
    if not bits or bits & (bits - 1):
        return None
    values = np.unique(found & bits)
    return (int(bits).bit_length() - 1, int(values[0] > 0)) if len(values) == 1 else None


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
