"""A core on a bus of somebody else's design: AXI4-Stream, Wishbone or AXI4-Lite."""

from .axi4_lite import Axi4LiteCore
from .axi_stream import AxiStreamCore
from .wishbone import WishboneCore

BUSES = {"axis": AxiStreamCore, "wishbone": WishboneCore, "axi4lite": Axi4LiteCore}
"""The component for each bus, by the name that the command line gives it."""

__all__ = ["BUSES", "Axi4LiteCore", "AxiStreamCore", "WishboneCore"]
