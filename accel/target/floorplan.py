"""BEL constraints: the cells of the FPGA that the array's multipliers and the memory's blocks of
RAM are placed at.

The placer by itself finds such places late and not well.

All rows of the array lie side by side, each with its columns in as few rows of DSP cells as have
room for them, one above the other. Columns that take the same byte of a broadcast word stay
together.

The blocks that hold one byte of the memory words lie side by side, those of one bank above those of
the other: the registers that drive their address then reach all of them.
"""

from collections.abc import Mapping, Sequence

from accel.boards import Board
from accel.config import BANKS, AcceleratorConfig
from accel.core.pe import element_of
from accel.core.primitives.ecp5_memory import sections_for
from accel.core.primitives.fanout import column_groups

# Names of cells after synthesis: of a memory's, and by the processing element.
_BLOCK = "core.banks.bank_{}.ram_{}_{}_{}.ram"
_CELLS = {
    "multiplier": "core.array.products.mult_{}.mult",
    "mixed": "core.array.products.cells.mult_{}.mult",
}


def bel_constraints(config: AcceleratorConfig, board: Board) -> Mapping[str, str]:
    """Names of BELs by names of cells; empty where the placer is left alone."""
    return {**_products(config, board), **_blocks(config, board.ebr_rows)}


def _products(config: AcceleratorConfig, board: Board) -> Mapping[str, str]:
    if not board.dsp_rows or config.element not in _CELLS:
        return {}
    count = element_of(config).dsps(config)
    chosen: Mapping[int, str] = {}
    if count == config.rows * config.columns:
        chosen = _beside(config, board.dsp_rows)
    elif len(board.dsp_rows) == 1:  # the first products, in their order
        chosen = dict(enumerate(board.dsp_rows[0][:count]))
    return {_CELLS[config.element].format(product): site for product, site in chosen.items()}


def _beside(config: AcceleratorConfig, rows: Sequence[Sequence[str]]) -> Mapping[int, str]:
    """BELs by product, if there is room for whole columns."""
    groups = column_groups(config)
    left = [tuple(range(group, config.columns, groups)) for group in range(groups)]
    chosen: dict[int, str] = {}
    for sites in rows:
        room = len(sites) // config.rows
        columns: list[int] = []
        while left and len(columns) + len(left[0]) <= room:
            columns += left.pop(0)
        spare = len(sites) % config.rows // 2
        for row in range(config.rows):
            for index, column in enumerate(columns):
                site = sites[spare + row * room + index]
                chosen[row * config.columns + column] = site
    return {} if left else chosen


def _blocks(config: AcceleratorConfig, rows: Sequence[Sequence[str]]) -> Mapping[str, str]:
    """BELs of the memory's blocks, if each byte has room beside the others of its share of the
    rows."""
    sections = sections_for(config.bank_words)
    if len(rows) < BANKS or any(section.wide for section in sections):
        return {}
    beside = -(-config.rows // (len(rows) // BANKS))  # byte lanes of a word in one row of blocks
    room = min(map(len, rows)) // beside
    cells = [(s, low) for s, part in enumerate(sections) for low in range(0, 8, part.width)]
    if len(cells) > room:
        return {}
    chosen = {}
    for lane in range(config.rows):
        for bank in range(BANKS):
            sites = rows[lane // beside * BANKS + bank][lane % beside * room :]
            for (section, low), site in zip(cells, sites, strict=False):
                chosen[_BLOCK.format(bank, section, lane, low)] = site
    return chosen
