"""The netlist of a board's core, or that of a build: what Yosys made before place and route."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.flow import build as flow
from accel.flow.cache.store import builds_cache
from accel.flow.plan import BuildPlan
from accel.flow.runner import OnProgress
from accel.target import bitstream
from accel.target.built import NAME, Built, NotBuilt

_SOURCES = (f"{NAME}.il", f"{NAME}.ys")


def netlist_of_board(
    board: Board,
    config: AcceleratorConfig,
    *,
    on_progress: OnProgress = lambda text, share: None,
    cache: bool = True,
) -> str:
    """The netlist of a core on a board, in Yosys' JSON. Raises what `flow.build.netlist` raises."""
    return _netlist(
        bitstream.plan(board, config), Path(f"netlist-{board.name}"), on_progress, cache
    )


def netlist_of_build(
    folder: Path,
    built: Built,
    *,
    on_progress: OnProgress = lambda text, share: None,
    cache: bool = True,
) -> tuple[str, AcceleratorConfig]:
    """The netlist that a build was placed from, and its core.

    It is taken from the cache, or made again of the sources that the build has kept. Raises
    ``NotBuilt`` where those are missing or the link is SPI, and what `flow.build.netlist` raises.
    """
    try:
        config = AcceleratorConfig(**built.report["configuration"])
        files = {name: (folder / name).read_text() for name in _SOURCES}
    except (KeyError, TypeError, ValueError, OSError, UserError) as problem:
        raise NotBuilt(
            f"{folder}: does not have what it was built from ({problem}); build it again with: "
            f"accel build --board {built.board.name} -o {folder}"
        ) from problem
    if built.report.get("spi"):
        raise NotBuilt(
            f"{folder}: has its link over SPI, and a netlist is talked to over a UART; build one "
            f"without --spi: accel build --board {built.board.name} -o DIR"
        )
    plan = bitstream.plan(built.board, config)
    kept: Mapping[str, str] = {**plan.files, **files}
    return _netlist(replace(plan, files=kept), folder, on_progress, cache), config


def _netlist(plan: BuildPlan, output: Path, on_progress: OnProgress, cache: bool) -> str:
    found = builds_cache() if cache else None
    return flow.netlist(plan, output, on_progress=on_progress, cache=found)
