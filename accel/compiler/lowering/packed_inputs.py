"""Packs neighbouring positions of an input into words, where its channels fill few of them.

An image of 3 channels takes words of 8 bytes, one for each position, on an array of 8 rows. Packed,
two neighbours share a word: to the core that is an image of half the width and twice the channels,
and its readers become layers on that image. A stride that is a whole number of words is a stride of
the new image. Otherwise windows begin at several places within a word: neighbouring outputs are
computed together, as channels of one position, or each of these places has a layer of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from ...config import AcceleratorConfig
from ..ir.layer import Convolution, Region
from .packed_outputs import neighbours


@dataclass(frozen=True)
class Packing:
    """How many ``values`` of a row of the input are in a word, one after another; the ``shift``
    first ones of a row are padding."""

    values: int
    shift: int

    def words(self, count: int) -> int:
        """Words of a row of so many values."""
        return -(-(count + self.shift) // self.values)


def packings(
    readers: Sequence[Convolution], channels: int, config: AcceleratorConfig
) -> Iterator[Packing]:
    """The packings to try for an input of so many channels: as many whole positions as a word
    holds, two and four, and words without a gap."""
    rows = config.rows
    most = rows // channels
    counts = {n * channels for n in (2, 4, most) if 1 < n <= most} | {rows}
    for count in sorted(counts):
        for shift in sorted({0, *(c.padding[1] * channels % count for c in readers)}):
            yield Packing(count, shift)


def can_pack(readers: Sequence[Convolution], config: AcceleratorConfig) -> bool:
    """Whether all readers of an input can read it packed; it must not be a residual operand."""
    zeros = config.number_format.exact and config.number_format.holds(np.zeros(1, np.int64)).all()
    return bool(zeros) and all(
        not c.rereads and c.sub_byte is None and c.stride[1] > 0 for c in readers
    )


def pad_of(readers: Sequence[Convolution], packing: Packing) -> int | None:
    """The code to store where packed words have padding; None where readers need different ones."""
    _, width, channels = readers[0].input_shape
    count = width * channels
    pads = {c.pad for c in readers if packing.words(count) * packing.values > count}
    leaving = {c.pad for c in readers if _leaves(c)}
    if len(leaving) > 1 and pads:
        return None
    return next(iter(leaving), readers[0].pad)


def _leaves(c: Convolution) -> bool:
    """Whether some window reaches beyond the left or the right edge of the input."""
    first = c.region.left * c.stride[1] - c.padding[1]
    end = first + (c.region.width - 1) * c.stride[1] + c.kernel[1]
    return first < 0 or end > c.input_shape[1]


def packed_index(index: np.ndarray, packing: Packing) -> np.ndarray:
    """`InputMap.index` of a packed input, of that of the input as it is; -1 is padding."""
    height, width, channels = index.shape
    count = width * channels
    words = packing.words(count)
    packed = np.full((height, words * packing.values), -1, index.dtype)
    packed[:, packing.shift : packing.shift + count] = index.reshape(height, count)
    return packed.reshape(height, words, packing.values)


def packed_reader(
    c: Convolution, packing: Packing, config: AcceleratorConfig
) -> Iterator[list[Convolution]]:
    """Ways to read the packed input: a layer for each place within a word at which windows begin.

    There are fewer such places where neighbouring outputs are computed together, which fills
    columns of the array, too.
    """
    together = {1, _apart(c, packing), max(1, config.columns // c.channels)}
    for count in sorted(together):
        joined = neighbours(c, count, config.rows)
        if joined is not None:
            apart = min(_apart(joined, packing), joined.region.width)
            yield [_part(joined, packing, index, apart) for index in range(apart)]


def _apart(c: Convolution, packing: Packing) -> int:
    """Outputs from one whose window begins at some place within a word to the next such one."""
    return packing.values // gcd(packing.values, c.stride[1] * c.input_shape[2])


def _part(c: Convolution, packing: Packing, index: int, count: int) -> Convolution:
    """The layer of every ``count``-th of the outputs along the width, from ``index`` on."""
    dense, values = c.as_dense(), packing.values
    height, width, channels = c.input_shape
    kernel_h, kernel_w = c.kernel
    region, (down, along) = c.region, c.output_stride
    outputs, left = -(-(region.width - index) // count), region.left + index * along
    # The stride of a single output is never taken.
    step = count * c.stride[1] * channels // values if outputs > 1 else 1
    begins = ((region.left + index) * c.stride[1] - c.padding[1]) * channels + packing.shift
    word, within = divmod(begins, values)
    size = kernel_w * channels
    words = -(-(within + size) // values)
    weights = np.zeros((len(dense.weights), kernel_h, words * values), np.int64)
    weights[..., within : within + size] = dense.weights.reshape(len(weights), kernel_h, size)
    return dense.replace(
        name=f"{c.name}_columns{index}" if index else c.name,
        input_shape=(height, packing.words(width * channels), values),
        weights=weights.reshape(len(weights), kernel_h, words, values),
        stride=(c.stride[0], step),
        padding=(c.padding[0], left * step - word),
        region=Region(region.top, left, region.height, outputs),
        output_stride=(down, along * count),
        macs=0 if index else c.macs,
    )
