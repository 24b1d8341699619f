"""Search of a space that is too large to estimate every point, by Optuna's NSGA-II."""

import logging
from collections.abc import Sequence

from accel.advice import how_to_install
from accel.errors import UserError
from accel.explore.point import Point, Space
from accel.explore.sweep import Outcome, Sweep

_SEED = 1
_WORST = (float("inf"), float("inf"), float("inf"), float("inf"))


class NoSearch(UserError):
    """Optuna is not installed."""


def search(sweep: Sweep, space: Space, trials: int, together: int) -> list[Outcome]:
    """Estimate ``trials`` points, ``together`` at a time, each generation where the last was best."""
    try:
        import optuna
    except ImportError:
        raise NoSearch(
            f"The space has {len(space):,} points, which are searched by Optuna, and that is not "
            f"installed; give fewer values, or install it with: {how_to_install('explore')}"
        ) from None
    logging.getLogger("optuna").setLevel(logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(population_size=max(8, together), seed=_SEED)
    study = optuna.create_study(directions=["minimize"] * len(_WORST), sampler=sampler)
    found: dict[Point, Outcome] = {}
    for begin in range(0, trials, together):
        asked = [study.ask() for _ in range(min(together, trials - begin))]
        points = [_suggested(trial, space) for trial in asked]
        outcomes = sweep.estimate(points)
        by_point = {outcome.point: outcome for outcome in outcomes}
        for trial, point in zip(asked, points, strict=True):
            outcome = by_point[point]
            values: Sequence[float] = _WORST if outcome.problem else outcome.costs()
            study.tell(trial, [min(value, 1e30) for value in values])
        found |= by_point
    return list(found.values())


def _suggested(trial, space: Space) -> Point:
    board = trial.suggest_categorical("board", list(space.boards))
    return Point(
        board,
        tuple((name, trial.suggest_categorical(name, list(v))) for name, v in space.axes.items()),
    )
