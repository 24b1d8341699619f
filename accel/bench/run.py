"""One run of all measurements, as the JSON of ``accel bench`` has it."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import accel
from accel.api import Program
from accel.bench import speed
from accel.bench.anchors import ANCHORS
from accel.bench.clock import Clock, from_build, from_records
from accel.bench.figures import KINDS, Anchor, Figure, anchored, median, missing
from accel.bench.networks import Network, parameters, read
from accel.boards import Board
from accel.compiler.frontends import NOTHING_CHOSEN, Choices
from accel.compiler.reports.blockers import blockers
from accel.config import AcceleratorConfig
from accel.errors import Refusal, UserError
from accel.numeric.division.memo import forget
from accel.sim.rtl.compiled import CannotCompileRtl, find_compiler
from accel.target import energy, resources

FORMAT = "accel-bench-1"
# Multiply-accumulates a cycle up to which a simulator is compiled in well under a minute.
QUICK_MACS = 16

Advance = Callable[[float, str], None]
Subject = tuple[Board, AcceleratorConfig]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure.

    ``seeds`` are those of place and route, none for the recorded results. ``rtl`` says whether RTL
    counts too; ``None`` where it is cheap. Speeds are medians of ``repeat`` batches of ``samples``.
    ``choices`` hold for all networks.
    """

    paths: Sequence[Path]
    subjects: Sequence[Subject]
    seeds: Sequence[int] = ()
    rtl: bool | None = True
    samples: int = 32
    repeat: int = 5
    choices: Choices = NOTHING_CHOSEN

    @property
    def steps(self) -> int:
        """Parts that progress is counted in."""
        return len(self.subjects) * (1 + len(self.paths))


def measure(plan: Plan, advance: Advance, clock: Callable[..., Clock] = from_build) -> dict:
    """Measure everything; ``advance(parts done, what is done now)`` is called on the way.

    Raises ``UnsupportedModel``, ``TooLarge``, ``Differs`` and what a build raises.
    """
    advance(0, "reading the networks")
    networks = [read(path, plan.samples, plan.choices) for path in plan.paths]
    bench = _Bench(plan, networks)
    done, boards, runs = 0, [], []
    for board, config in plan.subjects:
        found = bench.clock(board, config, clock, done, advance)
        boards.append(_board(board, config, found))
        done += 1
        for network in networks:
            advance(done, f"{network.name} on {board.name}")
            runs.append(bench.run(network, board, config, found))
            done += 1
    advance(done, "done")
    return {
        "format": FORMAT,
        "accel": accel.__version__,
        "built": bool(plan.seeds),
        "computer": computer(),
        "networks": [_network(network) for network in networks],
        "boards": boards,
        "runs": runs,
    }


def computer() -> dict[str, Any]:
    """The computer and the versions that the speeds were measured with."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    try:
        compiler = find_compiler().version
    except CannotCompileRtl:
        compiler = None
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "compiler": compiler,
    }


def figures_json(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Figures in the order of ``KINDS``."""
    return {key: figures[key].as_dict(key) for key in KINDS if key in figures}


def _network(network: Network) -> dict[str, Any]:
    return {
        "network": network.name,
        "file": network.path.name,
        "sha256": network.sha256,
        "known_as": network.known_as,
        "contract": network.graph.contract,
        "parameters": parameters(network.graph),
        "inputs": network.inputs_are,
    }


def _board(board: Board, config: AcceleratorConfig, clock: Clock) -> dict[str, Any]:
    return {
        "board": board.name,
        "device": board.device,
        "configuration": config.as_dict(),
        "mhz": clock.mhz,
        "mhz_is": clock.mhz_is,
        "seeds": list(clock.seeds),
        "tools": dict(clock.tools),
        "figures": figures_json(clock.figures),
    }


@dataclass
class _Bench:
    """Keeps what was measured: boards with the same core are measured once."""

    plan: Plan
    networks: Sequence[Network]
    _speeds: dict[Any, dict[str, Figure]] = field(default_factory=dict)
    _baselines: dict[Path, dict[str, Figure]] = field(default_factory=dict)

    def clock(
        self,
        board: Board,
        config: AcceleratorConfig,
        build: Callable[..., Clock],
        done: float,
        advance: Advance,
    ) -> Clock:
        if not self.plan.seeds:
            return from_records(board, config)
        return build(
            board,
            config,
            self.plan.seeds,
            lambda text, share: advance(done + share, f"{board.name}: {text}"),
        )

    def run(
        self, network: Network, board: Board, config: AcceleratorConfig, clock: Clock
    ) -> dict[str, Any]:
        """The entry of a network on a board: its figures, or the reasons why it does not run."""
        entry = {"network": network.name, "board": board.name}
        reasons = list(resources.problems(config, board))
        try:
            program = accel.compile(network.graph, board=board, config=config)
        except UserError as problem:
            reasons += [str(reason) for reason in blockers(problem, network.graph, config)]
            advice = problem.advice() if isinstance(problem, Refusal) and problem.advice else ""
            reasons += advice.splitlines()
        if reasons:
            return {**entry, "runs": False, "reasons": reasons, "figures": {}}
        try:
            here = self._here(network, program)
        finally:
            program.close()
        figures = {**on_board(program, clock), **here}
        figures = _against_each_other(figures)
        anchor = partial(
            anchored,
            anchors=ANCHORS,
            network=network.known_as,
            device=board.device,
            macs=config.peak_macs,
        )
        figures = {key: anchor(key, figure) for key, figure in figures.items()}
        macs = program.report().macs
        return {**entry, "runs": True, "macs": macs, "figures": figures_json(figures)}

    def _here(self, network: Network, program: Program) -> dict[str, Figure]:
        """Figures of this computer."""
        key = network.path, program.config
        if key not in self._speeds:
            self._speeds[key] = self._measured(network, program)
        return self._speeds[key]

    def _measured(self, network: Network, program: Program) -> dict[str, Figure]:
        plan, inputs = self.plan, network.inputs
        answers = speed.expected(program, inputs)
        if network.path not in self._baselines:
            self._baselines[network.path] = {
                "numpy": speed.numpy_speed(program, inputs, plan.repeat),
                "cpp": speed.cpp_speed(program, answers, plan.repeat),
            }
        found = {
            "compile": _compile_time(network, program.config, plan.repeat),
            "machine": speed.machine_speed(program, inputs, answers, plan.repeat),
            **self._baselines[network.path],
        }
        cheap = program.config.peak_macs <= QUICK_MACS
        if plan.rtl or (plan.rtl is None and cheap):
            rtl = speed.rtl(program, inputs, answers, plan.repeat)
            return {
                **found,
                "rtl_cycles": rtl.cycles,
                "rtl_speed": rtl.speed,
                "rtl": rtl.inferences,
            }
        why = "not counted: --quick compiles no simulator of so large an array; --rtl does"
        return {**found, "rtl_cycles": missing(why), "rtl_speed": missing(why)}


def _compile_time(network: Network, config: AcceleratorConfig, repeat: int) -> Figure:
    """Of a loaded graph; of the proofs that were made before none is kept."""
    seconds = []
    for _ in range(min(repeat, 3)):
        forget()
        begin = time.perf_counter()
        accel.compile(network.graph, config=config)
        seconds.append(time.perf_counter() - begin)
    return median(seconds, "graph to program, every channel proved")


def on_board(program: Program, clock: Clock) -> dict[str, Figure]:
    """What the models of cycles and of the board's link say of a program at a clock."""
    timing = program.timing(clock_mhz=clock.mhz)
    report = program.report()
    cycles, macs = report.cycles_model, report.macs
    milliseconds = cycles / clock.mhz / 1e3
    spent = energy.estimate(program.config.family, cycles=cycles, mhz=clock.mhz)
    source = f"; {spent.source}" if spent.source else ""
    at = f"at {clock.mhz:.4g} MHz, {clock.mhz_is}"
    return {
        "cycles": Figure(value=cycles, how="start to result in memory, by the cycle model"),
        "latency": Figure(value=milliseconds, how=at),
        "link": Figure(value=round(timing.link_ms, 6), how=f"{timing.baud:,} baud"),
        "throughput": Figure(value=round(timing.throughput, 4), how=str(timing)),
        "macs_per_cycle": Figure(value=macs / cycles, how="the network's MACs"),
        "share_of_peak": Figure(
            value=100 * report.utilization,
            how=f"of {program.config.peak_macs} MAC/cycle, over all layers",
        ),
        "mmacs": Figure(value=macs / milliseconds / 1e3, how=at),
        "energy": Figure(value=spent.microjoules, how=f"{spent.method}{source}"),
    }


def _against_each_other(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Figures of this computer beside each other and beside the board's."""

    def beside(key: str, value: float, who: str) -> Anchor:
        return Anchor(figure=key, value=value, who=who, source="the same run")

    found = dict(figures)
    latency = figures["latency"].value
    assert latency is not None, "`on_board` knows the latency of whatever runs"
    anchors = {"machine": [beside("machine", 1e3 / latency, "the board")]}
    for key, who in (("numpy", "NumPy here"), ("cpp", "TFLM-style C++ here")):
        rate = figures[key].value
        anchors[key] = [beside(key, 1e3 / latency, "the board")]
        if figures["machine"].value:
            anchors[key].append(beside(key, figures["machine"].value, "machine here"))
        if rate:
            anchors["machine"].append(beside("machine", rate, who))
            anchors.setdefault("latency", []).append(beside("latency", 1e3 / rate, who))
    for key, more in anchors.items():
        if key in found:
            found[key] = Figure(**{**vars(found[key]), "anchors": tuple(more)})
    return found
