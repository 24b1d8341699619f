"""Number formats and processing elements side by side: each in a core, placed and routed."""

from collections.abc import Callable, Sequence
from typing import Any

from accel.boards import Board
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.core.pe import ELEMENTS, serving
from accel.estimate.model import LOGIC
from accel.explore import work
from accel.explore.network import Network
from accel.explore.point import Point
from accel.numeric.formats import FORMATS
from accel.target import energy
from accel.target.resources import configure


def points(names: Sequence[str], board: Board, changes: dict[str, Any]) -> list[Point]:
    """The board's default core, then one core for each name of a format or of an element.

    A format comes with the element that serves it first, an element with the board's own format or
    the only one that it serves. Raises ``InvalidConfiguration``.
    """
    default = configure(board, **changes)
    pairs = [(default.format, default.element)]
    for name in names:
        if name in FORMATS:
            own = default.replace(format=name)
            usable = serving(AcceleratorConfig(format=name, family=own.family))
            pairs.append((name, own.element if own.element in usable else usable[0]))
        elif name in ELEMENTS:
            pairs.append((ELEMENTS[name].format or default.format, name))
        else:
            known = ", ".join(dict.fromkeys([*FORMATS, *ELEMENTS]))
            raise InvalidConfiguration(
                f"Number format or processing element must be one of {known}, not {name!r}"
            )
    return [
        Point(board.name, (*changes.items(), ("format", form), ("element", element)))
        for form, element in dict.fromkeys(pairs)
    ]


def compare(
    chosen: Sequence[Point],
    networks: Sequence[Network],
    seeds: Sequence[int],
    progress: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """A row for each core: its resources, its clock, and what the networks take on it.

    Without ``seeds`` nothing is built. ``problem`` says why a core or a network has no figures.
    """
    rows = []
    for point in chosen:
        progress(f"{point}: networks")
        row = {"name": _name(point), **work.described(point, networks)}
        if not row["problem"] and seeds:
            progress(f"{point}: place and route")
            row |= work.routed(point, seeds)
        rows.append(row | {"networks": _timed(row)})
    return rows


def _name(point: Point) -> str:
    values = dict(point.changes)
    return f"{values['format']}, {values['element']}"


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    """The networks of a row with latency and energy, where the clock is known."""
    mhz = row.get("fmax_mhz", {}).get("median")
    found = {}
    for name, one in row.get("networks", {}).items():
        found[name] = dict(one)
        if mhz and not one["problem"]:
            family = row["configuration"]["family"]
            guess = energy.estimate(family, cycles=one["cycles"], mhz=mhz).microjoules
            found[name] |= {
                "latency_ms": round(one["cycles"] / mhz / 1e3, 6),
                "energy_uj": guess and round(guess, 3),
            }
    return found


def logic(row: dict[str, Any]) -> int | None:
    """Cells of logic of a row that was built."""
    return row["used"][LOGIC[row["configuration"]["family"]]] if row.get("used") else None
