"""The search: all configurations of a board ranked by estimate, the best compiled for real."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from accel.boards import Board
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit, Limit, Reason
from accel.compiler.ir.graph import Graph
from accel.compiler.operators import place_of
from accel.compiler.program.program import CoreProgram
from accel.config import AcceleratorConfig
from accel.estimate import model as logic
from accel.explore.fit.demand import Demand
from accel.explore.fit.result import Candidate, Certificate, Fit
from accel.explore.fit.shapes import shapes
from accel.explore.fit.sizes import Shortage, Sized, sized
from accel.sim.cycles.cycle_model import predict
from accel.target import energy, resources

CPU_SECONDS = 10.0
UNTRIED = "untried"  # kind of a certificate: what was found was not compiled
RANKED = 8  # configurations that are told
_FULL = 0.92  # of the logic cells: beyond, place and route seldom ends well
_CLOCK_ERROR = 0.98  # of the board's clock, that the estimate must reach
_ALIKE = 0.02  # of the time, that an estimate does not tell
_FAR = 1.5  # of a budget: what is estimated beyond is not compiled

OnProgress = Callable[[str, float], None]
"""Called with what is being done, and the share that is done."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What an inference may take: milliseconds and microjoules, where given."""

    milliseconds: float | None = None
    microjoules: float | None = None

    def met_by(self, found: Candidate, slack: float = 1.0) -> bool:
        """Whether a candidate is within it, times ``slack``."""
        pairs = (
            (found.milliseconds, self.milliseconds),
            (found.microjoules, self.microjoules),
        )
        return all(most is None or (n is not None and n <= most * slack) for n, most in pairs)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search on one board.

    Parameters
    ----------
    demand
        What the network asks for.
    board
        The board.
    asked
        Format, element and everything else that is kept where it will do; the board's own core.
    budget
        What an inference may take.
    exact
        As of the compiler.
    most_streamed
        Bytes of a program from flash, beyond which nothing is compiled: that takes minutes.
    """

    demand: Demand
    board: Board
    asked: AcceleratorConfig
    budget: Budget = Budget()
    exact: bool = False
    most_streamed: int | None = None

    def ranked(self) -> tuple[list[Candidate], Certificate | None]:
        """All configurations with room for the network by estimate, or why there is none."""
        found: dict[AcceleratorConfig, Candidate] = {}
        shortages: list[list[Shortage]] = []
        for shape in shapes(self.board, self.asked):
            roomy, short = sized(shape, self.demand, self.board)
            for one in roomy:
                candidate = self._estimated(one)
                if isinstance(candidate, Shortage):
                    short.append(candidate)
                else:
                    found[one.config] = candidate
            shortages.append(short)
        by_time = sorted(found.values(), key=self._rank)
        if by_time:
            return by_time, None
        return [], _certificate(shortages)

    def run(
        self, cpu_seconds: float = CPU_SECONDS, on_progress: OnProgress = lambda text, done: None
    ) -> tuple[list[Candidate], Candidate | None, CoreProgram | None, Certificate | None]:
        """The ranked candidates, the one that was compiled with its program, or a certificate.

        Where the best does not compile the next one is tried, as long as there are seconds of the
        processor left. Raises ``CannotCompile`` for what is no matter of size.
        """
        end, longest = time.process_time() + cpu_seconds, 0.0
        on_progress("estimating configurations", 0.0)
        ranked, certificate = self.ranked()
        if not ranked:
            return [], None, None, certificate
        if self.most_streamed is not None and ranked[0].flash_bytes > self.most_streamed:
            return ranked, None, None, self._untried(ranked)
        best: Candidate | None = None
        refused: Reason | None = None
        for index, candidate in enumerate(ranked):
            if index and time.process_time() + longest > end:
                break
            if index and not self.budget.met_by(candidate, _FAR):
                continue
            on_progress("compiling the best", 0.5)
            compiling = time.process_time()
            try:
                code = compile_graph(
                    self.demand.graph, candidate.config, fuse=self.demand.fuse, exact=self.exact
                )
            except (CannotCompile, DoesNotFit) as problem:
                if not problem.of_size:
                    raise
                refused = refused or _reason(problem)
                longest = max(longest, time.process_time() - compiling)
                continue
            longest = max(longest, time.process_time() - compiling)
            exactly = self._compiled(candidate, code)
            if self.budget.met_by(exactly):
                return ranked, exactly, code, None
            best = min(best or exactly, exactly, key=self._rank)
        if best is not None:
            return ranked, None, None, self._late(best, len(ranked))
        return ranked, None, None, _of_reason(refused, ranked)

    def _rank(self, candidate: Candidate) -> tuple[float, ...]:
        """The faster first; of about equally fast ones that with fewer changes and less logic."""
        asked, config = self.asked.as_dict(), candidate.config.as_dict()
        changes = sum(config[name] != value for name, value in asked.items())
        time_class = round(math.log(max(1, candidate.cycles)) / _ALIKE)
        return time_class, changes, *candidate.used.values(), candidate.cycles

    def _figures(self, config: AcceleratorConfig, cycles: int) -> tuple[float, float | None]:
        mhz = self.board.clock.made_mhz
        spent = energy.estimate(config.family, cycles=cycles, mhz=mhz).microjoules
        return cycles / mhz / 1e3, spent

    def _estimated(self, one: Sized) -> Candidate | Shortage:
        config, cycles = one.config, one.cost.cycles
        try:
            guess = logic.estimate(config, self.board)
        except logic.NotEstimated:
            used = dict(resources.needs(config))
        else:
            short = self._logic_shortage(config, guess)
            if short:
                return short
            used = guess.used
        milliseconds, microjoules = self._figures(config, cycles)
        return Candidate(
            config=config,
            cycles=cycles,
            milliseconds=milliseconds,
            microjoules=microjoules,
            flash_bytes=one.cost.flash_words * config.rows,
            used=used,
        )

    def _logic_shortage(self, config: AcceleratorConfig, guess: logic.Estimate) -> Shortage | None:
        """Why the FPGA's logic or the board's clock is out of reach, if it is by the estimate.

        What is no worse than the board's own core, which was built, always does.
        """
        own = logic.estimate(resources.configure(self.board), self.board)
        cells = logic.LOGIC[config.family]
        most = max(_FULL * guess.available[cells], own.used[cells])
        if guess.used[cells] > most:
            limit = Limit(kind="logic", needed=guess.used[cells], there=int(most), unit=cells)
            what = f"about {limit.needed:,} {cells} are needed, {limit.there:,} can be used"
            return Shortage(limit=limit, layer="", node="", what=what, config=config)
        mhz = min(self.board.clock.made_mhz, own.fmax_mhz) * _CLOCK_ERROR
        if guess.fmax_mhz < mhz:
            limit = Limit(
                kind="clock",
                needed=round(self.board.clock.made_mhz),
                there=round(guess.fmax_mhz),
                unit="MHz",
            )
            what = f"the board's clock is {limit.needed} MHz, the core reaches about {limit.there}"
            return Shortage(limit=limit, layer="", node="", what=what, config=config)
        return None

    def _compiled(self, candidate: Candidate, code: CoreProgram) -> Candidate:
        cycles = sum(layer.cycles for layer in predict(code))
        milliseconds, microjoules = self._figures(candidate.config, cycles)
        return replace(
            candidate,
            cycles=cycles,
            milliseconds=milliseconds,
            microjoules=microjoules,
            flash_bytes=code.memory.flash_bytes,
            compiled=True,
        )

    def _untried(self, ranked: list[Candidate]) -> Certificate:
        """Of a program that is too long to compile it only for a message."""
        size = ranked[0].flash_bytes
        return Certificate(
            kind=UNTRIED,
            layer="",
            node="",
            needed=size,
            there=self.most_streamed or 0,
            unit="bytes",
            what=f"about {size:,} bytes of its program are streamed from flash",
            config=ranked[0].config,
            configurations=len(ranked),
        )

    def _late(self, best: Candidate, configurations: int) -> Certificate:
        """Of the fastest configuration that was compiled, and is not within the budget."""
        late = self.budget.milliseconds is not None and (
            best.milliseconds > self.budget.milliseconds
        )
        kind, unit = ("time", "ms") if late else ("energy", "uJ")
        needed = best.milliseconds if late else best.microjoules
        there = self.budget.milliseconds if late else self.budget.microjoules
        shown = (
            "no power of its family is known" if needed is None else f"takes {needed:.4g} {unit}"
        )
        return Certificate(
            kind=kind,
            layer="",
            node="",
            needed=needed or 0.0,
            there=there or 0.0,
            unit=unit,
            what=f"an inference may take {there:g} {unit}; compiled, it {shown}",
            config=best.config,
            configurations=configurations,
        )


def fit(
    graph: Graph,
    board: Board,
    *,
    asked: AcceleratorConfig | None = None,
    budget: Budget = Budget(),
    fuse: bool = True,
    exact: bool = False,
    source: str | None = None,
    options: Iterable[str] = (),
    cpu_seconds: float = CPU_SECONDS,
    most_streamed: int | None = None,
    on_progress: OnProgress = lambda text, done: None,
    demand: Demand | None = None,
) -> Fit:
    """The best configuration of a board for a network, compiled; or a certificate of there being
    none.

    ``asked`` has what is kept: format and element always, the rest where it will do; the board's
    own core if not given. ``source`` and ``options`` are for the command that is told. Raises
    ``CannotCompile`` for what is no matter of size.
    """
    asked = asked or resources.configure(board)
    demand = demand or Demand(graph, asked.format, fuse)
    search = Search(
        demand=demand,
        board=board,
        asked=asked,
        budget=budget,
        exact=exact,
        most_streamed=most_streamed,
    )
    ranked, best, code, certificate = search.run(cpu_seconds, on_progress)
    if certificate:
        places = {node.name: place_of(node) for node in graph}
        certificate = replace(certificate, place=places.get(certificate.node, ""))
    return Fit(
        model=graph.name,
        board=board,
        ranked=tuple(_arrays(ranked)[:RANKED]),
        best=best,
        code=code,
        certificate=certificate,
        source=source,
        options=tuple(options),
    )


def _arrays(ranked: Iterable[Candidate]) -> list[Candidate]:
    """The best candidate of each array: buffers and banks of other sizes change little."""
    found: dict[tuple[int, int], Candidate] = {}
    for one in ranked:
        found.setdefault((one.config.rows, one.config.columns), one)
    return list(found.values())


# What is told where several things are in the way of every configuration, the first one first.
_KINDS = (
    "bank",
    "activations",
    "weight_buffer",
    "sum",
    "memory",
    "form",
    "logic",
    "clock",
)


def _certificate(shortages: list[list[Shortage]]) -> Certificate:
    """Why none of some configurations will do, of which each has its shortages.

    Where one thing is in the way of all of them, it is that, on the configuration that is the least
    short of it. Otherwise it is all that is in the way of the configuration that lacks least.
    """

    def excess(several: list[Shortage]) -> float:
        return max(one.limit.excess for one in several)

    for kind in _KINDS:
        alike = [[one for one in several if one.limit.kind == kind] for several in shortages]
        if all(alike):
            least = min(alike, key=excess)
            break
    else:
        least = min(shortages, key=excess)
    worst = max(least, key=lambda one: one.limit.excess)
    others = [f"{one.layer}: {one.what}" if one.layer else one.what for one in least]
    others.remove(f"{worst.layer}: {worst.what}" if worst.layer else worst.what)
    return Certificate(
        kind=worst.limit.kind,
        layer=worst.layer,
        node=worst.node,
        needed=worst.limit.needed,
        there=worst.limit.there,
        unit=worst.limit.unit,
        what="; and ".join([worst.what, *dict.fromkeys(others)]),
        config=worst.config,
        configurations=len(shortages),
    )


def _reason(problem: CannotCompile | DoesNotFit) -> Reason:
    reasons = getattr(problem, "reasons", problem.args)
    return max(reasons, key=lambda reason: reason.limit.excess)


def _of_reason(reason: Reason | None, ranked: list[Candidate]) -> Certificate:
    """Of configurations that the estimate allowed and the compiler refused."""
    limit = (reason and reason.limit) or Limit(kind="form")
    return Certificate(
        kind=limit.kind,
        layer=reason.place if reason else "",
        node=reason.place if reason else "",
        needed=limit.needed,
        there=limit.there,
        unit=limit.unit,
        what=f"{reason.what if reason else 'does not fit'} (as the compiler says)",
        config=ranked[0].config,
        configurations=len(ranked),
    )
