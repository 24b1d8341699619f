"""Searches a space that is too large to estimate every point, with Optuna's NSGA-II."""

import logging
from collections.abc import Iterable, Sequence
from types import ModuleType

from accel.advice import how_to_install
from accel.errors import UserError
from accel.explore.front import groups, shares
from accel.explore.point import Point, Space
from accel.explore.sweep import Outcome, Sweep

_SEED = 1
_WORST = 1e30


class NoSearch(UserError):
    """Optuna is not installed."""


def search(sweep: Sweep, space: Space, trials: int, together: int) -> list[Outcome]:
    """Estimate ``trials`` points, ``together`` at a time, each generation near the best of the
    last.

    Boards are searched one after the other, with equally many points: what is good on one says
    nothing about another, whose logic is counted in other cells.
    """
    try:
        import optuna
    except ImportError:
        raise NoSearch(
            f"The space has {len(space):,} points, which are searched by Optuna, and that is not "
            f"installed; give fewer values, or install it with: {how_to_install('explore')}"
        ) from None
    logging.getLogger("optuna").setLevel(logging.WARNING)
    parts = [Space([board], space.axes) for board in space.boards]
    found: list[Outcome] = []
    for part, share in zip(parts, shares([len(part) for part in parts], trials), strict=True):
        found += _search_board(optuna, sweep, part, share, together)
    return found


def _search_board(
    optuna: ModuleType, sweep: Sweep, space: Space, trials: int, together: int
) -> list[Outcome]:
    found: dict[Point, Outcome] = {}
    sampler = optuna.samplers.NSGAIISampler(population_size=max(8, together), seed=_SEED)
    study, objectives = None, tuple[str, ...]()
    for begin in range(0, trials, together):
        # How many objectives there are is known as soon as a point is that can be built.
        if study is None or not objectives:
            objectives = _objectives(found.values())
            study = optuna.create_study(
                directions=["minimize"] * max(1, len(objectives)), sampler=sampler
            )
        asked = [study.ask() for _ in range(min(together, trials - begin))]
        points = [_suggested(trial, space) for trial in asked]
        by_point = {outcome.point: outcome for outcome in sweep.estimate(points)}
        for trial, point in zip(asked, points, strict=True):
            study.tell(trial, _values(by_point[point], objectives))
        found |= by_point
    return list(found.values())


def _objectives(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """The objectives that are known for all points of a board that can be built."""
    costs = [outcome.costs() for outcome in outcomes if not outcome.problem]
    return groups(["" for _ in costs], costs)[0].objectives if costs else ()


def _values(outcome: Outcome, objectives: Sequence[str]) -> list[float]:
    if outcome.problem or not objectives:
        return [_WORST] * max(1, len(objectives))
    costs = (outcome.costs()[name] for name in objectives)
    return [_WORST if cost is None else min(cost, _WORST) for cost in costs]


def _suggested(trial, space: Space) -> Point:
    board = trial.suggest_categorical("board", list(space.boards))
    return Point(
        board,
        tuple((name, trial.suggest_categorical(name, list(v))) for name, v in space.axes.items()),
    )
