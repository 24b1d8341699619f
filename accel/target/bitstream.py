"""From a board and a configuration to a bitstream."""

from collections.abc import Iterable
from dataclasses import asdict, astuple
from pathlib import Path

from amaranth.build.res import ResourceError

from accel import boards
from accel.boards import SPI, Board, SpiWires, spi_resource
from accel.config import AcceleratorConfig
from accel.core.board_top import BoardTop, FlashPins
from accel.core.core import Core
from accel.errors import UserError
from accel.flow import build as flow
from accel.flow.build import BuildResult
from accel.flow.cache.store import builds_cache
from accel.flow.plan import BuildPlan, make_plan
from accel.flow.runner import OnProgress
from accel.identity import identity
from accel.target import floorplan, resources


class PinsTaken(UserError):
    """Pins for SPI that something else of the core is on."""


def plan(
    board: Board,
    config: AcceleratorConfig,
    seeds: Iterable[int] = (),
    *,
    spi: SpiWires | None = None,
) -> BuildPlan:
    """Everything that a build does, without running a tool; ``seeds`` default to the board's.

    With ``spi`` the link is an SPI target on these pins, in place of the board's UART. Raises
    ``PinsTaken``.
    """
    flash = None
    if config.flash_lanes:
        assert board.flash is not None, "`resources.check_fits` refuses such a core"
        flash = FlashPins(
            resource=board.flash.data_lines[config.flash_lanes],
            divider=config.flash_divider,
            family=config.family,
        )
    top = BoardTop(
        Core(config, flash_offset=board.flash.offset if board.flash else 0),
        clock=board.clock,
        uart=(board.link.resource, board.link.number),
        baud=board.link.baud,
        spi=(SPI, 0) if spi else None,
        led=board.led,
        flash=flash,
        usb=board.usb,
        held_high=board.held_high,
    )
    platform = board.platform()
    if spi:
        platform.add_resources([spi_resource(platform, spi)])
    try:
        return make_plan(
            platform,
            top,
            clock_mhz=board.clock.made_mhz,
            seeds=tuple(seeds) or board.seeds,
            nextpnr_options=board.nextpnr_options,
            bel_constraints=floorplan.bel_constraints(config, board),
        )
    except ResourceError as problem:
        if not spi:
            raise
        raise PinsTaken(
            f"{board.name}: SPI must have pins of its own, not {', '.join(astuple(spi))}: {problem}"
        ) from problem


def build(
    board: str | Board,
    output: str | Path,
    *,
    config: AcceleratorConfig | None = None,
    seeds: Iterable[int] = (),
    spi: SpiWires | None = None,
    cores: int | None = None,
    on_progress: OnProgress = lambda text, share: None,
    cache: bool = True,
) -> BuildResult:
    """Build a bitstream into the folder ``output``.

    Parameters
    ----------
    board
        The board, or its name.
    config
        The core's configuration; the board's default one if not given.
    seeds
        Seeds of place and route, the best of which is kept; the board's default ones if empty.
    spi
        Pins for a link over SPI in place of the board's UART.
    cores
        Number of tools to run at once; all of this machine's if not given.
    on_progress
        Called with what is being done and the share of the build that is done.
    cache
        Take what was made before of the same content, by the same tools with the same options, and
        keep what is made; ``reused`` of the answer names what was taken.

    Raises ``UnknownBoard``; ``TooLarge`` before any tool runs; and what `flow.build.build` raises.
    """
    found = board if isinstance(board, Board) else boards.get(board)
    config = config or resources.configure(found)
    resources.check_fits(config, found)
    facts = {
        "board": found.name,
        "device": found.device,
        "configuration": config.as_dict(),
        "identity": identity(config).hex(),
        **({"spi": asdict(spi)} if spi else {}),
    }
    return flow.build(
        plan(found, config, seeds, spi=spi),
        Path(output),
        facts=facts,
        cores=cores,
        on_progress=on_progress,
        cache=builds_cache() if cache else None,
    )
