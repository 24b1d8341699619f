"""A board's clock and the resources of its core: as recorded, or from a build that is made now."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel import boards
from accel.bench.anchors import ANCHORS
from accel.bench.figures import Anchor, Figure, anchored, missing
from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.flow.runner import OnProgress
from accel.target import bitstream, resources

RESOURCES = {"logic": ("LC", "LUT"), "dsp": ("DSP",), "ebr": ("EBR",), "spram": ("SPRAM",)}

Builder = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The clock of a board's core: ``mhz``, where it is from, and all figures by key."""

    mhz: float
    mhz_is: str
    figures: Mapping[str, Figure]
    tools: Mapping[str, str]
    seeds: tuple[int, ...]


def from_records(board: Board, config: AcceleratorConfig) -> Clock:
    """By boards/results.json, where that is for this core; otherwise the board's own clock."""
    made = boards.recorded().get(board.name)
    if made is None or config != resources.configure(board) or not resources.is_of(made, board):
        why = "no record of this core; leave out --quick to build it"
        known = resources.needs(config)
        figures = {"fmax": missing(why)} | {
            key: Figure(value=known[names[0]], how="known without synthesis, at least")
            if names[0] in known
            else missing(why)
            for key, names in RESOURCES.items()
        }
        return Clock(
            mhz=board.clock.made_mhz,
            mhz_is="the board's clock",
            figures=_clocked(board, config, figures),
            tools={},
            seeds=(),
        )
    seeds = tuple(run["seed"] for run in made["fmax_mhz"]["seeds"])
    how = f"recorded in boards/results.json, {_seeds(seeds)}"
    return _clock(board, config, made["fmax_mhz"], made["used"], how, made["tools"], {})


def from_build(
    board: Board,
    config: AcceleratorConfig,
    seeds: Iterable[int],
    on_progress: OnProgress,
    build: Builder = bitstream.build,
) -> Clock:
    """By place and route with each of the seeds; raises what ``bitstream.build`` does."""
    seeds = tuple(seeds)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = build(
            board, Path(folder) / "build", config=config, seeds=seeds, on_progress=on_progress
        )
    seconds = time.perf_counter() - begin
    report = result.report
    ran = tuple(run["seed"] for run in report["fmax_mhz"]["seeds"])
    used = {name: use["used"] for name, use in report["utilization"].items()}
    tools = {tool["name"]: tool["version"] for tool in report["tools"]}
    times = _times(seconds, ran, getattr(result, "reused", ()))
    how = f"built now, {_seeds(ran)}"
    return _clock(board, config, report["fmax_mhz"], used, how, tools, times)


def _times(seconds: float, ran: tuple[int, ...], reused: tuple[str, ...]) -> dict[str, Figure]:
    """How long a build took, where nothing of it was made before."""
    if reused:
        why = missing(f"not measured: {', '.join(reused)} from the cache, {seconds:.1f} s in all")
        return {"build": why, "build_seed": why}
    how = f"wall clock, synthesis and {_seeds(ran)}, {os.cpu_count()} cores"
    return {
        "build": Figure(value=seconds, how=how),
        "build_seed": Figure(value=seconds / len(ran), how=how),
    }


def _seeds(seeds: tuple[int, ...]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"


def _clock(
    board: Board,
    config: AcceleratorConfig,
    fmax: Mapping[str, Any],
    used: Mapping[str, int],
    how: str,
    tools: Mapping[str, str],
    more: Mapping[str, Figure],
) -> Clock:
    seeds = tuple(run["seed"] for run in fmax["seeds"])
    figures = {
        "fmax": Figure(
            value=fmax["median"],
            how=how,
            least=fmax["min"],
            most=fmax["max"],
            samples=len(seeds),
        )
    }
    for key, names in RESOURCES.items():
        name = next((name for name in names if name in board.resources), None)
        if name is not None:
            figures[key] = Figure(value=used.get(name, 0), how=how)
    return Clock(
        mhz=fmax["median"],
        mhz_is=f"signed-off Fmax, {'median of ' * (len(seeds) > 1)}{_seeds(seeds)}",
        figures=_clocked(board, config, {**figures, **more}),
        tools=tools,
        seeds=seeds,
    )


def _clocked(
    board: Board, config: AcceleratorConfig, figures: Mapping[str, Figure]
) -> dict[str, Figure]:
    """With the board's clock, and each figure beside its anchors and what the chip has."""
    all_figures = {
        **figures,
        "clock": Figure(value=board.clock.made_mhz, how="what the PLL or oscillator makes"),
    }
    found = {}
    for key, figure in all_figures.items():
        figure = anchored(key, figure, ANCHORS, device=board.device, macs=config.peak_macs)
        name = next((n for n in RESOURCES.get(key, ()) if board.resources.get(n)), None)
        if name is not None:
            chip = Anchor(
                figure=key,
                value=board.resources[name],
                who=f"{board.device} has, {name}",
                source="the maker's data sheet",
                limit=True,
                capacity=True,
            )
            figure = Figure(**{**vars(figure), "anchors": (chip, *figure.anchors)})
        found[key] = figure
    return found
