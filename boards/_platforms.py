"""A board that has no file here, from a platform of Amaranth: amaranth-boards' or the user's own.

Whoever names a platform has its module run, as with any import; so only what a user typed may come
here, never what a file says.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from amaranth.build.plat import TemplatedPlatform
from amaranth.build.res import ResourceError
from amaranth.vendor import LatticePlatform, SiliconBluePlatform

from accel.boards._board import Board, Light, Link, Wires, uart_resource
from accel.boards._devices import DEVICES, Device
from accel.core.clocking import ClockPlan
from accel.errors import UserError

_BAUD = 115_200  # what every adapter can do
_FORM = "module:Class as for an import, such as amaranth_boards.icebreaker:ICEBreakerPlatform"
_MAXIMUM_MHZ = 400
_OWN_UART = "accel_uart"
_OSCILLATORS = ("SB_HFOSC", "SB_LFOSC", "OSCG")  # of the FPGA itself


class UnusablePlatform(UserError):
    """A platform is not there, or no core can be built for it."""


@dataclass(frozen=True, kw_only=True)
class PlatformOptions:
    """What a platform does not say by itself.

    Attributes
    ----------
    clock : str or None
        Name of the clock resource; the platform's default one if not given.
    clock_mhz : float or None
        The core's clock; the device's usual one, as nearly as it can be made, if not given.
    uart : str or None
        Pins ``"RX,TX"``, as the FPGA sees them; the resource ``uart`` 0 if not given.
    led : str or None
        A light, ``"NAME"``, ``"NAME/NUMBER"`` or ``"NAME/NUMBER/MEMBER"``; ``led`` 0 if there is
        one.
    baud : int or None
        Rate of the link.
    """

    clock: str | None = None
    clock_mhz: float | None = None
    uart: str | None = None
    led: str | None = None
    baud: int | None = None


def names_platform(board: str) -> bool:
    """Whether the name of a board is of the form ``module:Class``."""
    return ":" in board


def from_platform(spec: str, options: PlatformOptions, *, linked: bool = True) -> Board:
    """The board of a platform ``module:Class``, with the default core of its FPGA.

    Without ``linked`` a platform without UART will do. Raises ``UnusablePlatform``.
    """
    make = _maker(spec)
    platform = _fpga(spec, make())
    device = _device(spec, platform)
    wires = _wires(spec, options.uart)
    if linked and wires is None:
        _check_uart(spec, platform)
    package = f"{getattr(platform, 'speed', '')}{platform.package}"

    def make_linked() -> TemplatedPlatform:
        platform = make()
        if wires is not None:
            platform.add_resources([uart_resource(platform, wires, name=_OWN_UART)])
        return platform

    return Board(
        name=spec,
        title=spec,
        **device.on_board(package),
        platform=make_linked,
        clock=_clock(spec, platform, device, options),
        link=Link(resource=_OWN_UART if wires else "uart", baud=options.baud or _BAUD),
        led=_led(spec, platform, options.led),
    )


def _maker(spec: str) -> Callable[[], TemplatedPlatform]:
    module_name, _, name = spec.partition(":")
    if not module_name or not name:
        raise UnusablePlatform(f"Platform must be {_FORM}, not {spec!r}")
    # A module of the user's lies where the user is, which Python looks at only for `python -m`.
    here = os.getcwd()
    sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        if f"{module_name}.".startswith(f"{problem.name}."):
            said = f"there is no module {module_name!r}; write {_FORM}"
        else:
            said = f"the module asks for {problem.name!r}, which is not installed"
        raise UnusablePlatform(f"{spec}: {said}") from problem
    except Exception as problem:
        raise UnusablePlatform(
            f"{spec}: the module cannot be imported: {type(problem).__name__}: {problem}"
        ) from problem
    finally:
        sys.path.remove(here)
    found = getattr(module, name, None)
    if found is None:
        others = [
            n
            for n, value in vars(module).items()
            if _is_platform(value) and value.__module__ == module_name and not n.startswith("_")
        ]
        hint = f"; it has {', '.join(others)}" if others else ""
        raise UnusablePlatform(f"{spec}: the module has no class {name!r}{hint}")
    if not _is_platform(found):
        raise UnusablePlatform(
            f"{spec}: {name} is no platform of Amaranth; give a class with device, package and "
            "resources, as those of amaranth_boards"
        )

    def make() -> TemplatedPlatform:
        try:
            return found()
        except Exception as problem:
            raise UnusablePlatform(
                f"{spec}: cannot be made without arguments: {type(problem).__name__}: {problem}"
            ) from problem

    return make


def _is_platform(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, TemplatedPlatform)


def _fpga(spec: str, platform: TemplatedPlatform) -> LatticePlatform | SiliconBluePlatform:
    if not isinstance(platform, LatticePlatform | SiliconBluePlatform):
        vendors = (c.__name__ for c in type(platform).__mro__ if "amaranth.vendor" in c.__module__)
        kind = next(vendors, "platform of no vendor")
        raise UnusablePlatform(f"{spec}: is a {kind}; cores are built for iCE40 and ECP5 alone")
    return platform


def _device(spec: str, platform: LatticePlatform | SiliconBluePlatform) -> Device:
    if platform.device not in DEVICES:
        raise UnusablePlatform(
            f"{spec}: FPGA must be one of {', '.join(DEVICES)}, not {platform.device!r}"
        )
    return DEVICES[platform.device]


def _wires(spec: str, uart: str | None) -> Wires | None:
    if uart is None:
        return None
    pins = [pin.strip() for pin in uart.split(",")]
    if len(pins) != 2 or not all(pins) or pins[0] == pins[1]:
        raise UnusablePlatform(f"{spec}: --uart must be two pins RX,TX, not {uart!r}")
    return Wires(rx=pins[0], tx=pins[1])


def _check_uart(spec: str, platform: TemplatedPlatform) -> None:
    members = _members(platform, "uart", 0)
    if members is None or not {"rx", "tx"} <= set(members):
        raise UnusablePlatform(
            f"{spec}: has no resource uart 0 with rx and tx; give two of the FPGA's pins with "
            "--uart RX,TX"
        )


def _clock(
    spec: str,
    platform: LatticePlatform | SiliconBluePlatform,
    device: Device,
    options: PlatformOptions,
) -> ClockPlan:
    default: str | None = platform.default_clk  # type: ignore[assignment]  # the stubs have "..."
    name = options.clock or default
    clocks = _clock_resources(platform)
    hint = f"--clock NAME with one of {', '.join(clocks)}" if clocks else "another platform"
    if name is None:
        raise UnusablePlatform(f"{spec}: has no default clock; use {hint}")
    if name in _OSCILLATORS:
        raise UnusablePlatform(
            f"{spec}: its default clock is the FPGA's own oscillator, too inaccurate for a UART; "
            f"use {hint}, if that is connected on your board"
        )
    if name not in clocks:
        raise UnusablePlatform(f"{spec}: has no resource {name!r} with a frequency; use {hint}")
    if options.clock_mhz is not None and not 1 <= options.clock_mhz <= _MAXIMUM_MHZ:
        raise UnusablePlatform(
            f"{spec}: --clock-mhz must be 1 to {_MAXIMUM_MHZ}, not {options.clock_mhz:g}"
        )
    plan = partial(
        ClockPlan,
        family=device.clock_family,
        pin=name,
        input_mhz=clocks[name],
        pll_pad=device.pll_pads.get(platform.package) in _pins(platform, name),
    )
    try:
        if options.clock_mhz is not None:
            return plan(output_mhz=options.clock_mhz)
        usual = plan(output_mhz=device.core_mhz, tolerance=1.0).made_mhz
        if usual > device.core_mhz * 1.01:
            usual = plan(output_mhz=0.9 * device.core_mhz, tolerance=1.0).made_mhz
        return plan(output_mhz=usual)
    except ValueError as problem:
        raise UnusablePlatform(f"{spec}: {problem}; use another --clock-mhz") from problem


def _clock_resources(platform: TemplatedPlatform) -> dict[str, float]:
    """Clock resources with number 0 by name, and their frequencies in MHz."""
    resources: Mapping[tuple[str, int], Any]
    resources = platform.resources  # type: ignore[assignment]  # the stubs have "..."
    return {
        name: float(resource.clock.frequency) / 1e6
        for (name, number), resource in resources.items()
        if resource.clock and number == 0
    }


def _pins(platform: TemplatedPlatform, name: str) -> Sequence[str]:
    """The pins of a resource's first part."""
    first = platform.lookup(name).ios[0]  # type: ignore[attr-defined]  # not in the stubs
    return getattr(first, "names", ())


def _led(spec: str, platform: TemplatedPlatform, led: str | None) -> Light | None:
    if led is None:
        return ("led", 0) if _members(platform, "led", 0) == () else None
    name, *rest = led.split("/")
    number = rest[0] if rest else "0"
    wanted = tuple(rest[1:])
    members = _members(platform, name, int(number)) if number.isdecimal() else None
    possible: list[tuple[str, ...]] = [(member,) for member in members or ()] or [()]
    if members is None or wanted not in possible:
        known = f"; its members are {', '.join(members)}" if members else ""
        raise UnusablePlatform(
            f"{spec}: --led must be NAME, NAME/NUMBER or NAME/NUMBER/MEMBER of a resource, not "
            f"{led!r}{known}"
        )
    return (name, int(number), wanted[0]) if wanted else (name, int(number))


def _members(platform: TemplatedPlatform, name: str, number: int) -> Sequence[str] | None:
    """Names of a resource's members, empty if it is a single one, ``None`` if there is no such
    resource."""
    try:
        resource = platform.lookup(name, number)
    except ResourceError:
        return None
    parts = resource.ios  # type: ignore[attr-defined]  # not in the stubs
    return tuple(part.name for part in parts if hasattr(part, "name"))
