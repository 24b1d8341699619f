"""A board's netlist behind synthesis: cells of the FPGA and how they are connected.

Bits are numbers of nets, or "0", "1", "x" and "z". A netlist is what Yosys writes in JSON after
``synth_ice40`` or ``synth_ecp5``: one flat module.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accel.errors import ToolError

Bit = int | str

_NOTES = ("$scopeinfo",)  # cells that say where others came from


class NotSimulated(ToolError):
    """A netlist has something that the simulation at gate level does not know."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell: its name, its kind as the vendor calls it, parameters, and the bits at its ports."""

    name: str
    kind: str
    parameters: Mapping[str, str]
    ports: Mapping[str, Sequence[Bit]]

    def bit(self, port: str, default: Bit = "0") -> Bit:
        """The only bit of a port; ``default`` where nothing is connected."""
        bits = self.ports.get(port) or [default]
        return bits[0]

    def bits(self, port: str, width: int) -> list[Bit]:
        """The bits of a port, those of `x` where nothing is connected."""
        found = list(self.ports.get(port, ()))
        return found + ["x"] * (width - len(found))

    def numbered(self, prefix: str, width: int) -> list[Bit]:
        """The bits of ports ``prefix0``, ``prefix1``...; those of `x` where nothing is
        connected."""
        return [self.bit(f"{prefix}{index}", "x") for index in range(width)]

    def number(self, parameter: str, default: int = 0) -> int:
        """A parameter of binary digits, those that are undefined as 0."""
        value = self.parameters.get(parameter, "")
        return int(value.replace("x", "0").replace("z", "0"), 2) if value else default

    def text(self, parameter: str, default: str = "") -> str:
        """A parameter that is a word, without the blanks with which Yosys marks digits as
        words."""
        return self.parameters.get(parameter, default).strip()

    def refuse(self, why: str) -> NotSimulated:
        """The error that says why this cell cannot be simulated."""
        return NotSimulated(f"Cell {self.name} ({self.kind}) cannot be simulated: {why}")

    def require(self, **wanted: int | str) -> None:
        """Raise ``NotSimulated`` unless these parameters have these values, if they are there."""
        for name, value in wanted.items():
            found: int | str = self.text(name, str(value))
            if isinstance(value, int):
                found = self.number(name, value)
            if found != value:
                raise self.refuse(f"{name} must be {value}, not {found}")

    def require_tied(self, value: str, *ports: str) -> None:
        """Raise ``NotSimulated`` unless what is connected at these ports is constant."""
        for port in ports:
            if any(bit != value for bit in self.ports.get(port, ())):
                raise self.refuse(f"{port} must be {value}")


@dataclass(frozen=True, eq=False)
class Netlist:
    """Cells, the bits at the ports of the FPGA, which of these are inputs, and names of nets."""

    cells: Sequence[Cell]
    ports: Mapping[str, Sequence[Bit]]
    inputs: frozenset[str]
    names: Mapping[Bit, str]


def read(text: str) -> Netlist:
    """A netlist from Yosys' JSON. Raises ``NotSimulated`` where it is none of one flat module."""
    try:
        modules = json.loads(text)["modules"]
        tops = [module for module in modules.values() if _is_top(module)]
        (module,) = tops or [module for module in modules.values() if module["cells"]]
        cells = [
            Cell(name, cell["type"], cell["parameters"], cell["connections"])
            for name, cell in module["cells"].items()
            if cell["type"] not in _NOTES
        ]
        ports = {name: port["bits"] for name, port in module["ports"].items()}
        inputs = [name for name, port in module["ports"].items() if port["direction"] == "input"]
        names: dict[Bit, str] = {}
        for name, net in module["netnames"].items():
            _name(names, name, net["bits"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise NotSimulated(
            f"Netlist must be what Yosys writes of one flat module in JSON ({problem}); build it "
            "again"
        ) from problem
    return Netlist(cells, ports, frozenset(inputs), names)


def _is_top(module: Mapping) -> bool:
    return int(str(module["attributes"].get("top", "0")), 2) != 0


def _name(names: dict[Bit, str], name: str, bits: Sequence[Bit]) -> None:
    for index, bit in enumerate(bits):
        names.setdefault(bit, f"{name}[{index}]" if len(bits) > 1 else name)
