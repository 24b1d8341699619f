"""The physical input of each signal of a routed iCE40 look-up table.

The router may swap a table's inputs, which are not equally fast; nextpnr's timing, and its SDF
file, keep the delays from before. The netlist that ``nextpnr --write`` makes records the swaps.
"""

import json
import re
from collections.abc import Mapping

_BEL = re.compile(r"X(\d+)/Y(\d+)/lc(\d)")
# A programmable connection within a logic cell, from a physical to a logical input.
_SWAP = re.compile(r"\.lutff_\d:in_(\d)\.->\.(\d+)\.(\d+)\.lutff_(\d):in_(\d)_lut;")


def read_lut_inputs(netlist: str) -> Mapping[str, Mapping[str, int]]:
    """By cell and logical port (``I0`` to ``I3``), the number of the physical input."""
    at: dict[tuple[str, ...], dict[str, int]] = {}
    names = {}
    for module in json.loads(netlist)["modules"].values():
        for net in module["netnames"].values():
            for match in _SWAP.finditer(net["attributes"].get("ROUTING", "")):
                physical, x, y, z, logical = match.groups()
                at.setdefault((x, y, z), {})[f"I{logical}"] = int(physical)
        for name, cell in module["cells"].items():
            bel = _BEL.fullmatch(cell["attributes"].get("NEXTPNR_BEL", ""))
            if bel:
                names[name] = bel.groups()
    return {name: at[place] for name, place in names.items() if place in at}
