"""Products as small as those of tools can be, and yet whole; see `accel.flow.products.products`."""

import json

NETLIST = {"modules": {"top": {"cells": {"one": {}}, "netnames": {"net": {}}}}}
STATISTICS = json.dumps({"design": {"num_cells_by_type": {}}})
YOSYS_LOG, NEXTPNR_LOG = "End of script.\n", "Info: Program finished normally.\n"
BIT_BEGIN = b"\xff\x00Part\x00\xff\xff\xff\xbd\xb3"
BIT_END = b"\x5e\x00\x00\x00\xff\xff\xff\xff"


def config(tables: int) -> str:
    """An ECP5's configuration of so many tables."""
    return ".device LFE5U-12F\n\n.tile R1C1:PLC2\n" + "word: SLICEA.K0.INIT 0\n" * tables + "\n"


def svf(bits: bytes) -> str:
    """The commands that shift a bitstream in."""
    return f"SDR ({bits.hex()});\n"
