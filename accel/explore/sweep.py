"""A sweep: estimates every point, routes the most promising ones, keeps everything that is
finished."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from accel.errors import UserError
from accel.estimate.model import LOGIC
from accel.explore import made_by, work
from accel.explore.executors import WorkLost, losses
from accel.explore.front import Group, groups, promising, ranks, shares
from accel.explore.network import Network
from accel.explore.point import Point
from accel.explore.store import Store
from accel.flow.cache.store import key_of
from accel.host.timing.inference import Timing
from accel.target import energy

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""


class NothingFeasible(UserError):
    """No point of the space can be built."""


@dataclass
class Sweep:
    """Estimates and builds points on any executor; what the store has is not done again.

    Parameters
    ----------
    networks
        What the cores are for.
    executor
        Where the work is done: any of `concurrent.futures`, whose workers can import this package.
    store
        Where results are kept.
    seeds
        Of place and route, for each routed point.
    """

    networks: Sequence[Network]
    executor: Executor
    store: Store
    seeds: Sequence[int] = (1,)
    on_progress: OnProgress = lambda text, done, total: None
    points: dict[Point, "Outcome"] = field(default_factory=dict)

    def estimate(self, points: Iterable[Point]) -> list["Outcome"]:
        """Estimate any number of points; the outcomes are in their order."""
        wanted = list(dict.fromkeys(points))
        facts = [
            {"networks": [n.digest for n in self.networks], "estimate": p.as_dict()} for p in wanted
        ]
        calls = [(work.estimated, point, self.networks) for point in wanted]
        for point, result in self._do("estimating", wanted, facts, calls):
            self.points[point] = Outcome(point, result, None, self.networks)
        return [self.points[point] for point in wanted]

    def route(self, outcomes: Sequence["Outcome"]) -> list["Outcome"]:
        """Place and route points that were estimated."""
        chosen = [outcome.point for outcome in outcomes]
        facts = [
            {
                "route": self.points[p].estimated["configuration"],
                "board": p.board,
                "seeds": [*self.seeds],
                "tools": made_by.tools(self.points[p].estimated["configuration"]["family"]),
            }
            for p in chosen
        ]
        calls = [(work.routed, point, tuple(self.seeds)) for point in chosen]
        for point, result in self._do("placing and routing", chosen, facts, calls):
            self.points[point].routed = result
        self._time([self.points[point] for point in chosen if self.points[point].is_routed])
        return [self.points[point] for point in chosen]

    def _time(self, outcomes: Sequence["Outcome"]) -> None:
        """Work out what the link takes at the clocks that place and route has found."""
        facts = [
            {
                "networks": [n.digest for n in self.networks],
                "time": outcome.point.as_dict(),
                "mhz": outcome.fmax_mhz,
            }
            for outcome in outcomes
        ]
        points = [outcome.point for outcome in outcomes]
        calls = [(work.timed, o.point, self.networks, o.fmax_mhz) for o in outcomes]
        for point, result in self._do("timing", points, facts, calls):
            self.points[point].timed = result

    def route_promising(self, outcomes: Sequence["Outcome"], count: int) -> None:
        """Place and route the ``count`` most promising points.

        Where one turns out not to fit, the next one takes its place. Raises ``NothingFeasible``.
        """
        feasible(outcomes)
        while wanted := count - sum(outcome.is_routed for outcome in outcomes):
            left = [o for o in outcomes if not o.problem and not o.is_routed]
            if not left:
                return
            self.route(worth_routing(left, wanted))

    def _do(
        self,
        text: str,
        points: Sequence[Point],
        facts: Sequence[Mapping[str, Any]],
        calls: Sequence[tuple[Any, ...]],
    ) -> Iterator[tuple[Point, dict[str, Any]]]:
        """Results of points in the order in which they come: first those that are kept."""
        keys = [key_of({**fact, **made_by.sources()}) for fact in facts]
        done, total = 0, len(points)
        self.on_progress(text, done, total)
        missing: dict[str, tuple[list[Point], tuple[Any, ...]]] = {}
        for point, key, call in zip(points, keys, calls, strict=True):
            if key in self.store.results:
                done += 1
                yield point, self.store.results[key]
            else:
                # Points that come to the same are done together.
                missing.setdefault(key, ([], call))[0].append(point)
        self.on_progress(text, done, total)
        try:
            futures = {
                self.executor.submit(*call): (alike, key) for key, (alike, call) in missing.items()
            }
            try:
                for future in as_completed(futures):
                    alike, key = futures[future]
                    result = future.result()
                    if not result.pop(work.PASSES, False):
                        self.store.add(key, result)
                    done += len(alike)
                    self.on_progress(text, done, total)
                    yield from ((point, result) for point in alike)
            finally:
                for future in futures:
                    future.cancel()
        except losses() as problem:
            raise WorkLost(
                f"{text}: the workers have ended ({problem or type(problem).__name__}); {done} of "
                f"{total} are kept in {self.store.path}, the same command goes on from there"
            ) from problem


@dataclass
class Outcome:
    """What is known of a point: its estimate and, if it was built, the build's record and the time
    at its clock."""

    point: Point
    estimated: dict[str, Any]
    routed: dict[str, Any] | None
    networks: Sequence[Network]
    timed: dict[str, Any] | None = None

    @property
    def problem(self) -> str | None:
        return self.estimated["problem"] or (self.routed["problem"] if self.routed else None)

    @property
    def build(self) -> dict[str, Any] | None:
        """The record of place and route, if that came to an end."""
        return self.routed if self.routed and not self.routed["problem"] else None

    @property
    def known(self) -> Mapping[str, Any]:
        """Cells: of the build if there is one."""
        return (self.build or self.estimated)["used"]

    @property
    def is_routed(self) -> bool:
        return self.build is not None

    @property
    def logic(self) -> int:
        return self.known[LOGIC[self.estimated["configuration"]["family"]]]

    @property
    def fmax_mhz(self) -> float:
        """Median over seeds."""
        return self.build["fmax_mhz"]["median"] if self.build else self.estimated["fmax_mhz"]

    @property
    def cycles(self) -> int:
        """Of all networks, one inference each."""
        return sum(one["cycles"] for one in self.estimated["networks"].values())

    @property
    def core_ms(self) -> float:
        """Of the core alone, of an inference of every network; the board's link is the same for all
        its points."""
        return self.cycles / self.fmax_mhz / 1e3

    @property
    def timing(self) -> Timing:
        """The same with the link, one network after another."""
        estimated = {name: one["timing"] for name, one in self.estimated["networks"].items()}
        each = (self.timed["timing"] if self.timed else estimated).values()
        return Timing(
            core_ms=self.core_ms,
            latency_ms=self.core_ms + sum(one["link_ms"] for one in each),
            period_ms=sum(1e3 / one["throughput"] for one in each),
            load_ms=sum(one["load_ms"] for one in each),
            baud=min(one["baud"] for one in each),
            line_bytes=sum(one["line_bytes"] for one in each),
            crossings_ms=tuple(ms for one in each for ms in one.get("crossings_ms", ())),
        )

    @property
    def energy_uj(self) -> float | None:
        """Of an inference of every network; ``None`` where the family's power is not known."""
        family = self.estimated["configuration"]["family"]
        return energy.estimate(family, cycles=self.cycles, mhz=self.fmax_mhz).microjoules

    @property
    def accuracy(self) -> float | None:
        """Mean over the networks that have labelled data."""
        found = [one["accuracy"] for one in self.estimated["networks"].values()]
        known = [accuracy for accuracy in found if accuracy is not None]
        return float(np.mean(known)) if known else None

    def costs(self) -> dict[str, float | None]:
        """What is to be minimized, by objective; for accuracy, its negative."""
        return {
            "latency": self.core_ms,
            "logic": float(self.logic),
            "energy": self.energy_uj,
            "accuracy": None if self.accuracy is None else -self.accuracy,
        }

    def as_dict(self) -> dict[str, Any]:
        if self.problem:
            return {"point": self.point.as_dict(), "problem": self.problem}
        timing = self.timing
        return {
            "point": self.point.as_dict(),
            "configuration": self.estimated["configuration"],
            "routed": self.is_routed,
            "used": dict(self.known),
            "fmax_mhz": round(self.fmax_mhz, 3),
            "cycles": {name: one["cycles"] for name, one in self.estimated["networks"].items()},
            **timing.as_dict(),
            "time": str(timing),
            "energy_uj": self.energy_uj and round(self.energy_uj, 3),
            "accuracy": self.accuracy,
            "critical_path": self.build["critical_path"] if self.build else None,
            "problem": None,
        }


def feasible(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that can be built. Raises ``NothingFeasible`` with the reasons where there are none."""
    found = [outcome for outcome in outcomes if not outcome.problem]
    if found:
        return found
    reasons: dict[str, int] = {}
    for outcome in outcomes:
        reasons[outcome.problem or ""] = reasons.get(outcome.problem or "", 0) + 1
    frequent = sorted(reasons.items(), key=lambda item: -item[1])[:5]
    lines = "".join(f"\n  {count} of {len(outcomes)}: {text}" for text, count in frequent)
    raise NothingFeasible(f"None of the {len(outcomes)} points can be built:{lines}")


def worth_routing(outcomes: Sequence[Outcome], count: int) -> list[Outcome]:
    """Up to ``count`` points that no other point of their board beats, or only few do.

    Equally many of each board, if it has as many.
    """
    found = feasible(outcomes)
    costs, by_board = _groups(found)
    dealt = shares([len(group.members) for group in by_board], count)
    return [
        found[group.members[i]]
        for group, share in zip(by_board, dealt, strict=True)
        for i in promising(group.costs(costs), share)
    ]


@dataclass(frozen=True, kw_only=True)
class Front:
    """What nothing else on a board beats in all ``objectives``, by the core's time; ``left_out``
    are those that are not known of all its points."""

    board: str
    objectives: tuple[str, ...]
    left_out: tuple[str, ...]
    outcomes: tuple[Outcome, ...]


def pareto_fronts(outcomes: Sequence[Outcome]) -> list[Front]:
    """The front of each board that has a point which can be built."""
    found = [outcome for outcome in outcomes if not outcome.problem]
    costs, by_board = _groups(found)
    fronts = []
    for group in by_board:
        rank = ranks(group.costs(costs))
        best = [found[i] for i, number in zip(group.members, rank, strict=True) if number == 0]
        fronts.append(
            Front(
                board=group.board,
                objectives=group.objectives,
                left_out=group.left_out,
                outcomes=tuple(sorted(best, key=lambda outcome: outcome.core_ms)),
            )
        )
    return fronts


def _groups(outcomes: Sequence[Outcome]) -> tuple[list[dict[str, float | None]], list[Group]]:
    costs = [outcome.costs() for outcome in outcomes]
    return costs, groups([outcome.point.board for outcome in outcomes], costs)
