"""Where on the FPGA the array's DSP cells go, which the placer by itself finds late and badly.

All rows of the array lie side by side, each with its columns in as few rows of DSP cells as have room
for them, one above the other. Columns that take the same byte of a broadcast word stay together.
"""

from collections.abc import Mapping, Sequence

from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.core.pe import element_of
from accel.core.spread import column_groups

# Names of cells after synthesis, by the processing element.
_CELLS = {
    "multiplier": "core.array.products.mult_{}.mult",
    "mixed": "core.array.products.cells.mult_{}.mult",
}


def places(config: AcceleratorConfig, board: Board) -> Mapping[str, str]:
    """Names of DSP cells' places by those of the cells; none where the placer is left alone."""
    if not board.dsp_rows or config.element not in _CELLS:
        return {}
    count = element_of(config).dsps(config)
    chosen = {}
    if count == config.rows * config.columns:
        chosen = _beside(config, board.dsp_rows)
    elif len(board.dsp_rows) == 1:  # the first products, in their order
        chosen = dict(enumerate(board.dsp_rows[0][:count]))
    return {_CELLS[config.element].format(product): site for product, site in chosen.items()}


def _beside(config: AcceleratorConfig, rows: Sequence[Sequence[str]]) -> Mapping[int, str]:
    """Places by product, if there is room for whole columns."""
    groups = column_groups(config)
    left = [tuple(range(group, config.columns, groups)) for group in range(groups)]
    chosen: dict[int, str] = {}
    for sites in rows:
        room, columns = len(sites) // config.rows, []
        while left and len(columns) + len(left[0]) <= room:
            columns += left.pop(0)
        spare = len(sites) % config.rows // 2
        for row in range(config.rows):
            for index, column in enumerate(columns):
                site = sites[spare + row * room + index]
                chosen[row * config.columns + column] = site
    return {} if left else chosen
