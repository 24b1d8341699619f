"""What a board is to this project."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from amaranth.build.plat import TemplatedPlatform

from accel.core.clocking import ClockPlan


def platform_of(module: str, name: str) -> Callable[[], TemplatedPlatform]:
    """A function that makes a fresh platform, and imports amaranth-boards only then."""

    def make() -> TemplatedPlatform:
        return getattr(importlib.import_module(f"amaranth_boards.{module}"), name)()

    return make


@dataclass(frozen=True, kw_only=True)
class Link:
    """The way to the host: a UART of the platform and its rate."""

    resource: str = "uart"
    number: int = 0
    baud: int = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Flash:
    """The SPI flash: a resource of the platform, whose suffix ``1x``, ``2x`` or ``4x`` comes from the
    configuration, and where in it a program lies: behind what the FPGA is configured from.

    ``command`` writes ``{file}`` there, at byte ``{offset}``.
    """

    offset: int
    command: str
    resource: str = "spi_flash"
    number: int = 0
    lanes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that a core can be built for.

    Attributes
    ----------
    name : str
        The file's name, by which users call the board.
    title : str
        What its maker calls it.
    family, device : str
        The family as `AcceleratorConfig` has it, and the FPGA.
    platform : callable
        Makes a fresh platform of amaranth-boards.
    resources : mapping of str to int
        What the FPGA has, by the names that ``report.json`` uses.
    clock : ClockPlan
        The core's clock.
    link : Link
        The way to the host.
    configuration : mapping
        The default configuration: arguments of ``AcceleratorConfig``.
    led : (str, int) or None
        A light for the core's state.
    flash : Flash or None
        The flash that programs may be streamed from.
    nextpnr_options : tuple of str
        What place and route needs to be told for this device.
    seeds : tuple of int
        Seeds of place and route that are tried by default.
    """

    name: str
    title: str
    family: str
    device: str
    platform: Callable[[], TemplatedPlatform]
    resources: Mapping[str, int]
    clock: ClockPlan
    link: Link = field(default_factory=Link)
    configuration: Mapping[str, Any]
    led: tuple[str, int] | None = ("led", 0)
    flash: Flash | None = None
    nextpnr_options: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1, 2, 3, 4)

    def __post_init__(self):
        for name in ("resources", "configuration"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
