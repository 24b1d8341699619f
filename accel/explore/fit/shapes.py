"""The configurations of a board that are worth a look: arrays, requantizers and flash lanes.

The rest of a configuration follows from the network: see `sizes`.
"""

from collections.abc import Iterator
from dataclasses import replace

from accel.boards import Board
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.target import resources

ROWS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
COLUMNS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
REQUANTIZERS = (1, 2, 4, 8)


def shapes(board: Board, asked: AcceleratorConfig) -> Iterator[AcceleratorConfig]:
    """All arrays of the board's DSP cells and logic, with the format and element that are asked
    for; buffers and banks are still those of ``asked``."""
    dsps, steps = board.resources.get("DSP", 0), asked.weight_steps
    arrays = {(rows, columns) for rows in ROWS for columns in COLUMNS}
    for rows, columns in sorted(arrays | {(asked.rows, asked.columns)}):
        for requantizers in sorted({*REQUANTIZERS, asked.requantizers}):
            if rows % requantizers or columns % requantizers:
                continue
            for lanes in flash_lanes(board, asked):
                try:
                    unit = 2 * max(1, 8 * rows // (columns * asked.number_format.weight_bits))
                    whole = max(1, steps // unit) * unit  # rows of the buffer
                    config = replace(
                        asked,
                        rows=rows,
                        columns=columns,
                        requantizers=requantizers,
                        flash_lanes=lanes,
                        weight_steps=whole,
                        bank_words=_words_of(asked, rows),
                    )
                    if resources.dsps_of(config) <= dsps:
                        yield config
                except InvalidConfiguration:
                    continue


def flash_lanes(board: Board, asked: AcceleratorConfig) -> tuple[int, ...]:
    """Lanes to try: those that are asked for, if wired, and as many as are."""
    wired = board.flash.data_lines if board.flash else ()
    usable = [lanes for lanes in (asked.flash_lanes,) if not lanes or lanes in wired]
    return tuple(dict.fromkeys([*usable, max(wired, default=0)]))


def _words_of(asked: AcceleratorConfig, rows: int) -> int:
    """Words of banks that are as large in bytes as those that were asked for, or nearly so."""
    if rows == asked.rows:
        return asked.bank_words
    step = resources.LEAST_BANK
    words = asked.bank_words * asked.rows // rows // step * step
    return min(max(words, step), resources.MOST_BANK)
