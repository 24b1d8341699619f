"""Cases of several choices, where each with each would be too many."""

from collections.abc import Sequence
from typing import Any


def in_turn(cases: Sequence[Any], *choices: Sequence[Any], times: int = 1) -> list[tuple[Any, ...]]:
    """Each case ``times`` times, with the next of each of the other choices.

    All of a choice are met if there are as many cases. A case that is a tuple is put first, its
    members side by side.
    """
    assert len(cases) * times >= max(map(len, choices)), "some choices would be left out"
    found = []
    for index in range(len(cases) * times):
        case = cases[index % len(cases)]
        turn = index // len(cases) + index  # the same case meets another choice the next time
        members = case if isinstance(case, tuple) else (case,)
        found.append((*members, *(choice[turn % len(choice)] for choice in choices)))
    return found
