"""The Pareto front of each board: the points that no other point of the board beats in
everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Costs = Mapping[str, float | None]
"""What is to be small, by objective; ``None`` where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Points that can be compared: those of one board, whose logic is counted in the same cells.

    Attributes
    ----------
    board : str
    members : tuple of int
        Indices of the points.
    objectives : tuple of str
        What is compared: known of every one of them.
    left_out : tuple of str
        What is not known of all, and so says nothing about which is better.
    """

    board: str
    members: tuple[int, ...]
    objectives: tuple[str, ...]
    left_out: tuple[str, ...]

    def costs(self, costs: Sequence[Costs]) -> np.ndarray:
        """float64 ``[members, objectives]``, of the costs of all points."""
        rows = [[costs[i][name] for name in self.objectives] for i in self.members]
        return np.array(rows, np.float64).reshape(len(self.members), len(self.objectives))


def groups(boards: Sequence[str], costs: Sequence[Costs]) -> list[Group]:
    """The points of each board, in the order in which boards come first."""
    found = []
    for board in dict.fromkeys(boards):
        members = tuple(i for i, name in enumerate(boards) if name == board)
        known = {
            name: all(costs[i][name] is not None for i in members) for name in costs[members[0]]
        }
        found.append(
            Group(
                board=board,
                members=members,
                objectives=tuple(name for name, is_known in known.items() if is_known),
                left_out=tuple(name for name, is_known in known.items() if not is_known),
            )
        )
    return found


def shares(sizes: Sequence[int], count: int) -> list[int]:
    """``count`` dealt out among groups of these sizes, as evenly as they allow."""
    given = [0] * len(sizes)
    while count and (open_ := [i for i, size in enumerate(sizes) if given[i] < size]):
        for i in open_[:count]:
            given[i] += 1
        count -= len(open_[:count])
    return given


def ranks(costs: np.ndarray) -> np.ndarray:
    """For each point ``[points, objectives]``, all to be small, its front: 0 for those that no
    other point beats, 1 for those that only these beat, and so on."""
    rank = np.full(len(costs), -1)
    better = (costs[:, None] <= costs).all(axis=2) & (costs[:, None] < costs).any(axis=2)
    number = 0
    while (rank < 0).any():
        left = rank < 0
        beaten = (better & left[:, None]).any(axis=0)
        rank[left & ~beaten] = number
        number += 1
    return rank


def promising(costs: np.ndarray, count: int) -> list[int]:
    """Indices of up to ``count`` points worth the work: the first fronts, and of the one that does
    not fit whole the points that lie farthest from those chosen."""
    rank = ranks(costs)
    chosen: list[int] = []
    for number in range(rank.max(initial=-1) + 1):
        front = np.flatnonzero(rank == number).tolist()
        while front and len(chosen) < count:
            index = (
                _farthest(costs, front, chosen) if len(front) + len(chosen) > count else front[0]
            )
            front.remove(index)
            chosen.append(index)
    return chosen


def _farthest(costs: np.ndarray, candidates: Sequence[int], chosen: Sequence[int]) -> int:
    """The candidate with the greatest distance to its nearest chosen point; without any, the one
    that is best in the first objective."""
    if not chosen:
        return min(candidates, key=lambda i: tuple(costs[i]))
    span = np.ptp(costs, axis=0)
    scaled = costs / np.where(span > 0, span, 1)
    return max(
        candidates, key=lambda i: np.linalg.norm(scaled[i] - scaled[list(chosen)], axis=1).min()
    )
