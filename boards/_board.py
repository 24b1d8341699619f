"""What the project knows of a board."""

import importlib
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from amaranth.build import Attrs, Pins, PinsN, Resource, Subsignal
from amaranth.build.plat import TemplatedPlatform
from amaranth.vendor import LatticePlatform

from accel.boards._programmers import Programmer
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip


def platform_of(
    module: str, name: str, *, uart: "Wires | None" = None, more: Iterable[Resource] = ()
) -> Callable[[], TemplatedPlatform]:
    """A function that makes a fresh platform, and imports amaranth-boards only then.

    Where the platform has no ``uart``, it gets one on the two ``uart`` pins; ``more`` are other
    resources that it lacks or defines wrongly.
    """
    added = tuple(more)

    def make() -> TemplatedPlatform:
        platform = getattr(importlib.import_module(f"amaranth_boards.{module}"), name)()
        if uart is not None:
            platform.add_resources([uart_resource(platform, uart)])
        platform.add_resources(added)
        return platform

    return make


Light = tuple[str, int] | tuple[str, int, str]
"""Name and number of a resource of the platform, and of its member if it has several."""


@dataclass(frozen=True)
class Wires:
    """Pins of the FPGA that a serial link is on, as the FPGA sees it."""

    rx: str
    tx: str


def uart_resource(platform: TemplatedPlatform, wires: Wires, *, name: str = "uart") -> Resource:
    """A UART resource with number 0 at 3.3 V, which is idle while nothing is connected."""
    if isinstance(platform, LatticePlatform):
        attributes = Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")
    else:
        attributes = Attrs(IO_STANDARD="SB_LVCMOS", PULLUP=1)
    return Resource(
        name,
        0,
        Subsignal("rx", Pins(wires.rx, dir="i", assert_width=1)),
        Subsignal("tx", Pins(wires.tx, dir="o", assert_width=1)),
        attributes,
    )


@dataclass(frozen=True)
class SpiWires:
    """Pins of the FPGA that an SPI host is on: its clock, data from it and to it, and select."""

    sck: str
    copi: str
    cipo: str
    cs: str


SPI = "accel_spi"


def spi_resource(platform: TemplatedPlatform, wires: SpiWires) -> Resource:
    """An SPI target's resource, called `SPI` and with number 0, at 3.3 V; the core is not selected
    while nothing is connected."""
    if isinstance(platform, LatticePlatform):
        attributes = Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")
    else:
        attributes = Attrs(IO_STANDARD="SB_LVCMOS", PULLUP=1)
    return Resource(
        SPI,
        0,
        Subsignal("sck", Pins(wires.sck, dir="i", assert_width=1)),
        Subsignal("copi", Pins(wires.copi, dir="i", assert_width=1)),
        Subsignal("cipo", Pins(wires.cipo, dir="o", assert_width=1)),
        Subsignal("cs", PinsN(wires.cs, dir="i", assert_width=1)),
        attributes,
    )


@dataclass(frozen=True, kw_only=True)
class Link:
    """The way to the host: a UART of the platform, its rate at first, the fastest one that the chip
    between it and the host can do, if it is known, and whether that chip is on USB at high speed
    (480 Mbit/s) or at full speed (12 Mbit/s).

    ``by_hand`` says in words what a user has to connect or solder before there is a link; it is
    empty where a cable to the board is enough.
    """

    resource: str = "uart"
    number: int = 0
    baud: int = 1_000_000
    fastest: int | None = None
    high_speed: bool = False
    by_hand: str = ""


def adapter(*, rx: str, tx: str, also: str = "") -> Link:
    """Of a board without a serial port of its own, from where its pins are on the board, and what
    else there is to do by hand.

    A user connects an adapter, so the rate is one that all of them support.
    """
    wires = f"an adapter of 3.3 V: TX to {rx}, RX to {tx}, ground"
    return Link(baud=115_200, by_hand=f"{wires}; {also}" if also else wires)


FT2232H = Link(fastest=12_000_000, high_speed=True)
FT231X = Link(fastest=3_000_000)

SINGLE = MappingProxyType({1: "spi_flash_1x"})
DUAL = MappingProxyType({**SINGLE, 2: "spi_flash_2x"})
QUAD = MappingProxyType({**DUAL, 4: "spi_flash_4x"})
OWN_QUAD = MappingProxyType({count: f"program_flash_{count}x" for count in (1, 2, 4)})
"""Of ``flash_resources``, which may not be called as the platform's are."""


@dataclass(frozen=True, kw_only=True)
class Flash:
    """The SPI flash that the FPGA is configured from, and where in it programs lie: after that.

    Attributes
    ----------
    offset : int
        First byte of a program.
    size : int or None
        Bytes of the largest chip that the board is made with; ``None`` where that is not known.
    bitstream : int
        First byte of the bitstream, where the board's programmer writes it.
    data_lines : mapping of int to str
        Numbers of data lines that are wired, and the platform's resource (number 0) with so many.
    """

    offset: int
    size: int | None = None
    bitstream: int = 0
    data_lines: Mapping[int, str] = field(default_factory=lambda: DUAL)

    @property
    def room(self) -> int | None:
        """Bytes that a program file may have, if that is known."""
        return None if self.size is None else self.size - self.offset


def flash_resources(names: Mapping[int, str], *, cs: str, dq: str, attributes: Attrs) -> list:
    """The flash of a platform whose own resources lack data lines or have them in another order.

    Parameters
    ----------
    names : mapping of int to str
        As ``Flash.data_lines``: the resources to make, each with number 0.
    cs : str
        The pin that selects the chip, which is low then.
    dq : str
        Pins of data lines 0 to 3: DI, DO, WP# and HOLD#; only two where the rest is not wired. The
        clock's pin is the configuration's own.
    """
    data = dq.split()
    select = Subsignal("cs", PinsN(cs, dir="o", assert_width=1))
    single = (
        Subsignal("copi", Pins(data[0], dir="o")),
        Subsignal("cipo", Pins(data[1], dir="i")),
        *(
            Subsignal(name, PinsN(pin, dir="o"))
            for name, pin in zip(("wp", "hold"), data[2:], strict=False)
        ),
    )
    made = []
    for count, name in names.items():
        several = (Subsignal("dq", Pins(" ".join(data[:count]), dir="io", assert_width=count)),)
        made.append(Resource(name, 0, select, *(several if count > 1 else single), attributes))
    return made


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
    spi : SpiWires or None
        Pins for a link over SPI, which a core has in place of the UART where that is asked for.
    configuration : mapping
        The default configuration: arguments of ``AcceleratorConfig``.
    flash : Flash or None
        The flash that programs may be streamed from.
    programmers : tuple of Programmer
        What puts a bitstream into the board; the first that is installed is taken.
    usb_chip : UsbChip or None
        What the board shows itself by on USB.
    led : (str, int) or (str, int, str) or None
        A light for the core's state, and which of its colours if it has several.
    usb : (str, int) or None
        A USB port that the FPGA itself drives and the core leaves disconnected.
    held_high : tuple of (str, int)
        Outputs that are high from the configuration on, for the sake of another chip.
    nextpnr_options : tuple of str
        What place and route needs to be told for this device.
    seeds : tuple of int
        Seeds of place and route that are tried by default.
    dsp_rows : tuple of tuple of str
        Where the DSP cells are, row by row along the chip, as place and route names them; empty
        where it is left to it which of them are taken.
    ebr_rows : tuple of tuple of str
        The same of the blocks of RAM.
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
    spi: SpiWires | None = None
    flash: Flash | None = None
    programmers: tuple[Programmer, ...] = ()
    usb_chip: UsbChip | None = None
    led: Light | None = ("led", 0)
    usb: tuple[str, int] | None = None
    held_high: tuple[tuple[str, int], ...] = ()
    nextpnr_options: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1, 2, 3, 4)
    dsp_rows: tuple[tuple[str, ...], ...] = ()
    ebr_rows: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self):
        for name in ("resources", "configuration"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def how_to_write_program(self, file: str) -> str:
        """How to write a program file into the flash, as a command or in words."""
        assert self.flash is not None, "no core on it reads one"
        for one in self.programmers:
            if one.program:
                return shlex.join(one.command(one.program, file=file, offset=self.flash.offset))
        return f"write {file} into it at byte {self.flash.offset:#x}"

    def how_to_enable_quad(self) -> str:
        """How to make the flash answer on four data lines, if it does not yet, once for good."""
        for one in self.programmers:
            if one.quad_enable:
                return shlex.join(one.command(one.quad_enable))
        return (
            "set the quad-enable bit of its status register with your programmer, or use a core "
            "with --set flash_lanes=2"
        )
