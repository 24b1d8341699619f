"""A point of the space that is explored: a board and the values of its core."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from accel import boards
from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.target import resources


@dataclass(frozen=True)
class Point:
    """A board by name, and changes to its default core as pairs of name and value."""

    board: str
    changes: tuple[tuple[str, Any], ...]

    def found_board(self) -> Board:
        return boards.get(self.board)

    def config(self) -> AcceleratorConfig:
        """Raises ``InvalidConfiguration``."""
        return resources.configure(self.found_board(), **dict(self.changes))

    def __str__(self) -> str:
        values = dict(self.changes)
        size = f"{values.pop('rows', '?')}x{values.pop('columns', '?')}"
        rest = [str(v) if isinstance(v, str) else f"{k}={v}" for k, v in values.items()]
        return " ".join([self.board, *([size] if "?" not in size else []), *rest])

    def as_dict(self) -> dict[str, Any]:
        return {"board": self.board, **dict(self.changes)}


@dataclass(frozen=True)
class Space:
    """All combinations of boards and values, the first axis slowest."""

    boards: Sequence[str]
    axes: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.boards) * prod(len(values) for values in self.axes.values())

    def __iter__(self) -> Iterator[Point]:
        for board in self.boards:
            for values in product(*self.axes.values()):
                yield Point(board, tuple(zip(self.axes, values, strict=True)))


def plain(values: Iterable[tuple[str, Any]]) -> Point:
    """A point from the pairs of ``Point.as_dict``."""
    changes = dict(values)
    return Point(changes.pop("board"), tuple(changes.items()))
