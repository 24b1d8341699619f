"""The Pareto front: what no other point beats in everything."""

from collections.abc import Sequence

import numpy as np


def ranks(costs: np.ndarray) -> np.ndarray:
    """For each point ``[points, objectives]``, all to be small, its front: 0 for those that no other
    point beats, 1 for those that only these beat, and so on."""
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
