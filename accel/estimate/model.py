"""Logic and clock of a core on a device, estimated from builds that were placed and routed.

Logic is a sum over the core's parts, see `features`. The cost of a part is fitted for each family
by least squares of relative errors, and held near an expectation where the builds do not tell. The
clock is that of the builds on devices of the same speed, lowered with every doubling of the logic
by as much as in the whole family: a larger core has longer wires. Only the builds are stored: a new
one improves both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.estimate.features import PRIOR, features
from accel.estimate.records import Record, records
from accel.target import resources

LOGIC = {"ice40up": "LC", "ice40hx": "LC", "ecp5": "LUT"}
"""The resource that logic is counted in, by family."""

_HOLD = 0.05  # weight of the expectation of a part against one build
_SLOPE = -0.1  # of log(Fmax) over log(cells), where the builds do not tell


class NotEstimated(UserError):
    """No builds of the device's family were recorded."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a build would take. ``fmax_mhz`` is the median over seeds; ``fits`` goes by all cells.

    ``builds`` is how many recorded builds of the family the estimate rests on.
    """

    used: dict[str, int]
    available: dict[str, int]
    fmax_mhz: float
    builds: int

    @property
    def fits(self) -> bool:
        return all(n <= self.available.get(name, 0) for name, n in self.used.items())

    def as_dict(self) -> dict[str, Any]:
        return {
            "used": self.used,
            "available": self.available,
            "fits": self.fits,
            "fmax_mhz": round(self.fmax_mhz, 2),
            "builds": self.builds,
        }


def estimate(
    config: AcceleratorConfig, board: Board, known: Sequence[Record] | None = None
) -> Estimate:
    """Estimate a build of a configuration for a board.

    ``known`` are the builds to go by; the recorded ones that are not held out if not given. Raises
    ``NotEstimated``.
    """
    known = [r for r in records() if not r.held_out] if known is None else known
    family = [r for r in known if r.config.family == config.family]
    if not family:
        raise NotEstimated(
            f"No build for {config.family} is recorded, so nothing can be estimated for it; run "
            f"accel build --board {board.name}"
        )
    resource = LOGIC[config.family]
    logic = _logic(config, family, resource)
    used = {resource: round(logic), **resources.needs(config)}
    return Estimate(
        used=used,
        available={name: board.resources.get(name, 0) for name in used},
        fmax_mhz=_fmax(board.device, logic, family, resource),
        builds=len(family),
    )


def _logic(config: AcceleratorConfig, builds: Sequence[Record], resource: str) -> float:
    """Cells of logic: the parts' counts by what a part costs."""
    expected = np.array(list(PRIOR.values()))
    counts = np.array([features(r.config) for r in builds])
    took = np.array([r.used[resource] for r in builds], float)
    # In units of the expectation, and relative to what each build took.
    matrix = counts * expected / took[:, None]
    held = _HOLD * np.eye(len(expected))
    matrix = np.vstack([matrix, held])
    target = np.concatenate([np.ones(len(took)), held.sum(axis=1)])
    factors = _non_negative(matrix, target)
    return float(features(config) @ (expected * factors))


def _non_negative(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares without negative factors: those that would be are dropped, the worst first."""
    active = np.ones(matrix.shape[1], bool)
    while True:
        factors = np.zeros(matrix.shape[1])
        factors[active] = np.linalg.lstsq(matrix[:, active], target, rcond=None)[0]
        if factors.min() >= 0:
            return factors
        active[int(factors.argmin())] = False


def _speed(device: str) -> str:
    """The speed class of a device: an ECP5's grade, an iCE40's series."""
    name, package = device.rsplit("-", 1)
    return package[0] if name.startswith("LFE5U") else name


def _fmax(device: str, logic: float, builds: Sequence[Record], resource: str) -> float:
    """Median Fmax: the level of the device's speed class, with the whole family's slope over
    cells."""
    speeds = sorted({_speed(r.device) for r in builds})
    own = _speed(device)
    # log(Fmax) = level + slope * log(cells)
    rows = [[*(_speed(r.device) == s for s in speeds), np.log(r.used[resource])] for r in builds]
    matrix = np.array([*rows, [*[0.0] * len(speeds), 1.0]], float)
    target = [*(np.log(median(r.fmax_mhz)) for r in builds), _SLOPE]
    solution = np.linalg.lstsq(matrix, np.array(target), rcond=None)[0]
    level = solution[speeds.index(own)] if own in speeds else solution[: len(speeds)].mean()
    return float(np.exp(level + solution[-1] * np.log(logic)))
