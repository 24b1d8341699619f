"""Which modules of a design take its logic, by the names that Yosys gives the cells of a flat
netlist."""

import json
import re
from collections.abc import Mapping
from typing import Any

_DEPTH = 2  # of modules that are told apart, such as core.array
# Lookup tables that a cell takes; a carry cell of the ECP5 has two, a distributed RAM four and the
# write port's.
_LUTS = {"SB_LUT4": 1, "LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4}
_REGISTER = re.compile(r"SB_DFF\w*|TRELLIS_FF")
_COPY = re.compile(r"(_\d+|\$\d+)+$")  # of several modules alike
_UNNAMED = "other"


def logic_of_modules(netlist: str, top: str) -> dict[str, dict[str, int]]:
    """The lookup tables (``logic``) and ``registers`` of each module, the largest first.

    ``netlist`` is the JSON that Yosys wrote of the synthesized design, ``top`` its module. A cell
    belongs to the module whose name its own begins with; modules alike, as ``requantizer_0`` and
    ``requantizer_1``, are added up. Cells that have lost their name are ``other``.
    """
    found: dict[str, dict[str, int]] = {}
    cells: Mapping[str, Any] = json.loads(netlist)["modules"].get(top, {}).get("cells", {})
    for name, cell in cells.items():
        kind = cell.get("type", "")
        luts, registers = _LUTS.get(kind, 0), int(bool(_REGISTER.fullmatch(kind)))
        if luts or registers:
            counts = found.setdefault(_module(name), {"logic": 0, "registers": 0})
            counts["logic"] += luts
            counts["registers"] += registers
    return dict(sorted(found.items(), key=lambda item: (-item[1]["logic"], item[0])))


def _module(cell: str) -> str:
    if cell.startswith("$"):
        return _UNNAMED
    modules = cell.split(".")[:-1][:_DEPTH]
    return ".".join(_COPY.sub("", module) for module in modules) or _UNNAMED
