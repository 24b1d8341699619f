"""Recorded builds that no estimate is fitted to, beside their estimates."""

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from accel import boards
from accel.estimate import Estimate, estimate
from accel.estimate.model import LOGIC
from accel.estimate.records import Record, records


class Pair(NamedTuple):
    """A figure as it was estimated and as place and route made it."""

    estimated: float
    built: float

    @property
    def error(self) -> float:
        return self.estimated / self.built - 1


class HeldOut(NamedTuple):
    """A build and its estimate."""

    record: Record
    estimate: Estimate
    logic: Pair
    fmax_mhz: Pair


def held_out() -> Iterator[HeldOut]:
    """All of them, in the order of the records."""
    for record in records():
        if not record.held_out:
            continue
        board = next(board for board in boards.BOARDS.values() if board.device == record.device)
        found = estimate(record.config, board)
        name = LOGIC[record.config.family]
        yield HeldOut(
            record,
            found,
            Pair(found.used[name], record.used[name]),
            Pair(found.fmax_mhz, median(record.fmax_mhz)),
        )
