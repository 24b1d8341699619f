"""Which result each sum is that a layer keeps in memory, and where it and its code lie."""

from dataclasses import dataclass

import numpy as np
from amaranth.utils import ceil_log2

from ...config import SUM_BYTES, AcceleratorConfig
from .descriptor import Descriptor


@dataclass(frozen=True, eq=False)
class KeptSums:
    """The sums that are results of a layer, in the order in which they are written.

    Parameters
    ----------
    bytes
        int64 ``[n, 4]``: each one's bytes, lowest first, counted from the first word of all.
    positions
        int64 ``[n]``: its position in the output, the inner dimension fastest.
    channels
        int64 ``[n]``: its output channel.
    indices
        int64 ``[n]``: its number among all sums, those included that are no results.
    words
        Memory words that all of them take.
    """

    bytes: np.ndarray
    positions: np.ndarray
    channels: np.ndarray
    indices: np.ndarray
    words: int

    def read(self, data: np.ndarray) -> np.ndarray:
        """Values of the results, int32 ``[N, n]``, from the bytes of their words, uint8
        ``[N, ...]``."""
        return np.ascontiguousarray(data[:, self.bytes]).view("<i4")[..., 0]


def sums_words(descriptor: Descriptor, config: AcceleratorConfig) -> int:
    """Memory words that the sums of a layer take; they begin at a multiple of
    ``AcceleratorConfig.sums_tile_words``."""
    return descriptor.groups * descriptor.tiles(config.rows) * config.sums_tile_words


def sums_order(descriptor: Descriptor, config: AcceleratorConfig) -> KeptSums:
    """The kept sums of a layer, as `accel.isa` lays them out."""
    f, rows = descriptor, config.rows
    tiles, size = f.groups * f.tiles(rows), config.sums_tile_words * rows
    places = np.arange(tiles)[:, None, None, None] * size + _tile_bytes(config)
    count = f.tiles(rows) * rows
    group, position, column = np.ogrid[: f.groups, :count, : config.columns]
    outer, inner = np.divmod(position, f.run)
    line, lane = np.divmod(column, rows if config.broadcast_rows > 1 else config.columns)
    channel = lane if f.broadcast else column
    y = outer * f.output_rows[0] + (line if f.broadcast else 0)
    width = -(-f.valid_run // f.skip)
    shape = (f.groups, count, config.columns)
    positions = np.broadcast_to(y * width + inner // f.skip, shape).ravel()
    channels = np.broadcast_to(group * f.columns + channel, shape).ravel()
    indices = np.flatnonzero(results(f, config, count))
    return KeptSums(
        bytes=places.reshape(-1, SUM_BYTES)[indices],
        positions=positions[indices],
        channels=channels[indices],
        indices=indices,
        words=sums_words(f, config),
    )


def code_bytes(f: Descriptor, config: AcceleratorConfig, positions: int) -> np.ndarray:
    """The byte of the output's bank where the code of each result belongs, int64 ``[groups,
    positions, columns]``; undefined for sums that are no results."""
    rows = config.rows
    group, position, column = np.ogrid[: f.groups, :positions, : config.columns]
    outer, inner = np.divmod(position, f.run)
    kept = -(-f.run // f.skip)
    word = f.output_base + inner // f.skip * f.output_inner_step
    word = word + outer * (f.output_outer_step + (kept - 1) * f.output_inner_step)
    if config.broadcast_rows > 1:
        word = word + column // rows * f.output_broadcast_row_step
        column = column % rows
    word = word & (1 << ceil_log2(config.bank_words)) - 1
    step = f.output_group_words * rows + f.output_group_lanes
    return word * rows + f.output_lane + group * step + column


def results(f: Descriptor, config: AcceleratorConfig, positions: int) -> np.ndarray:
    """Which sums of so many positions are results that a layer writes, bool ``[groups, positions,
    columns]``; the others only fill the array."""
    rows = config.rows
    group, position, column = np.ogrid[: f.groups, :positions, : config.columns]
    outer, inner = np.divmod(position, f.run)
    written = (position < f.positions) & (inner < f.valid_run) & (inner % f.skip == 0)
    last = group == f.groups - 1
    if config.broadcast_rows > 1:
        line = column // rows
        last_run = outer == f.runs - 1
        written = written & (line < np.where(last_run, f.last_broadcast_rows, f.broadcast_rows))
        column = column % rows if f.broadcast else column
    return written & (column < np.where(last, f.last_columns, f.columns))


def _tile_bytes(config: AcceleratorConfig) -> np.ndarray:
    """Bytes of the sums of a tile, int64 ``[rows, columns, 4]``, counted from its first word."""
    together, in_word, words = config.requantizers, config.sums_in_word, config.sum_words
    share = config.sums_share
    at, number = np.divmod(np.arange(config.rows * config.columns), together)
    byte = number[:, None] * SUM_BYTES + np.arange(SUM_BYTES)
    padded = 1 << (words - 1).bit_length()
    word = at[:, None] // share * padded + byte // in_word
    lane = at[:, None] % share * in_word + byte % in_word
    return (word * config.rows + lane).reshape(config.rows, config.columns, SUM_BYTES)
