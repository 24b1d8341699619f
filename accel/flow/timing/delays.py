"""Reads the delays of a placed and routed design from the SDF file that nextpnr writes.

IEEE 1497 "Standard Delay Format"; only the constructs that nextpnr uses are understood (``IOPATH``,
``INTERCONNECT`` and ``SETUPHOLD``, one a line).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Pin = tuple[str, str]
"""A cell's name and the name of one of its ports."""

_DELAY = r"\((-?\d+):(-?\d+):(-?\d+)\)"
_CELL = re.compile(r'\(CELLTYPE "([^"]*)"\)\s*\(INSTANCE ([^)\s]*)\)')
_WIRE = re.compile(rf"\(INTERCONNECT (\S+) (\S+) {_DELAY} {_DELAY}\)")
_ARC = re.compile(rf"\(IOPATH (\S+) (\S+) {_DELAY} {_DELAY}\)")
_SETUP = re.compile(rf"\(SETUPHOLD \(\w+ (\S+)\) \(\w+ (\S+)\) {_DELAY} {_DELAY}\)")
_FALLING = re.compile(r"\(SETUPHOLD \(\w+ (\S+)\) \(negedge (\S+)\)")
# Outputs of a pad with two registers: this one is of that which takes the other edge of the clock.
_OTHER_EDGE = "D_IN_1"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A placed cell: ``arcs`` by (from, to) and ``setups`` by (port, clock port), in ps.

    ``falling`` are those of the setups that are to the falling edge of the clock.
    """

    kind: str
    arcs: Mapping[tuple[str, str], int]
    setups: Mapping[tuple[str, str], int]
    falling: frozenset[tuple[str, str]] = frozenset()

    def launches_falling(self, clock_port: str, output: str) -> bool:
        """Whether an output changes with the falling edge of the clock at a port.

        nextpnr's SDF files do not say. All registers of a cell that share a clock use the same
        edge, except in a pad, and the files name the edge of the inputs' setup times.
        """
        edges = {key in self.falling for key in self.setups if key[1] == clock_port}
        return (edges == {True}) != (output == _OTHER_EDGE)


@dataclass(frozen=True, kw_only=True)
class Delays:
    """All delays of a design; ``wires`` are by the pin that they end at, in ps."""

    cells: Mapping[str, Cell]
    wires: Mapping[Pin, tuple[Pin, int]]


def read_sdf(text: str) -> Delays:
    """Read the text of an SDF file, taking the worst of every delay.

    Raises ``ValueError`` if it holds no cells, or if its end is missing.
    """
    parts = _CELL.split(text)
    if len(parts) < 4:
        raise ValueError("SDF file must hold cells")
    opened, closed = (text.count(one) - text.count(f"\\{one}") for one in "()")
    if opened != closed:
        raise ValueError(f"SDF file must close what it opens, not {closed} of {opened}")
    cells: dict[str, Cell] = {}
    wires: dict[Pin, tuple[Pin, int]] = {}
    for kind, instance, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if instance:
            cells[_plain(instance)] = Cell(
                kind=kind,
                arcs=_worst(_ARC, body),
                setups=_worst(_SETUP, body),
                falling=frozenset(_FALLING.findall(body)),
            )
        else:
            for (source, sink), delay in _worst(_WIRE, body).items():
                wires[_pin(sink)] = (_pin(source), delay)
    return Delays(cells=cells, wires=wires)


def _worst(pattern: re.Pattern, body: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for match in pattern.finditer(body):
        start, end, *delays = match.groups()
        # A setup line ends with the hold time, which is not wanted.
        relevant = delays[:3] if pattern is _SETUP else delays
        key = (start, end)
        found[key] = max(found.get(key, 0), *map(int, relevant))
    return found


def _pin(text: str) -> Pin:
    cell, _, port = _plain(text).rpartition("/")
    return cell, port


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
