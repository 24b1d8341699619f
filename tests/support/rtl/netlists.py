"""Small cores of every family on boards, as synthesized, and a network that runs on them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from accel import boards
from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.target.netlist import netlist_of_board


@dataclass(frozen=True, kw_only=True)
class SmallCore:
    """A board whose line is as fast as its core can do, and a small core."""

    board: Board
    config: AcceleratorConfig

    def netlist(self) -> str:
        """Its netlist; from the cache, where it was made before."""
        return netlist_of_board(self.board, self.config)


def _small(name: str, **sizes) -> SmallCore:
    board = boards.get(name)
    fastest = int(board.clock.made_mhz * 1e6 / 3)
    board = replace(board, link=replace(board.link, baud=fastest))
    config = AcceleratorConfig(family=board.family, rows=2, weight_steps=64, **sizes)
    return SmallCore(board=board, config=config)


SMALL_CORES: Mapping[str, SmallCore] = MappingProxyType(
    {
        "ice40hx": _small("tinyfpga_bx", columns=1, element="booth", bank_words=512),
        # So little memory that the network's weights are streamed from the flash.
        "ice40up": _small("icebreaker", columns=2, bank_words=256, flash_lanes=4),
        "ecp5": _small("ulx3s_85f", columns=2, bank_words=256, flash_lanes=2),
    }
)
