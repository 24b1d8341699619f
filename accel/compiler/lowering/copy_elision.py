"""Removes copies of a layer's output: the layer writes to where the copy would have moved it."""

import math
from collections.abc import Collection, Iterator, Sequence

from ...config import AcceleratorConfig
from ..ir.layer import Convolution, Region
from .bank_copies import add_bank_copies
from .channel_alignment import is_aligned, lane_step


def elide_copies(
    convolutions: Sequence[Convolution], outputs: Collection[str], config: AcceleratorConfig
) -> list[Convolution]:
    """The same layers, without copies of tensors that one layer writes and nothing else reads.

    ``outputs`` are the tensors that are read after the last layer. A copy stays where without it
    another one would be needed between the banks.
    """
    current = list(convolutions)
    least = _cost(current, outputs)
    for output in dict.fromkeys(c.output for c in convolutions):
        moved = current
        for chosen in _choices(output, current, outputs, config):
            changed = _without(chosen, current)
            if (cost := _cost(changed, outputs)) < least:
                moved, least = changed, cost
        current = moved
    return current


def _choices(
    output: str,
    convolutions: Sequence[Convolution],
    outputs: Collection[str],
    config: AcceleratorConfig,
) -> Iterator[list[tuple[Convolution, Convolution]]]:
    """Sets of copies into ``output`` to remove, the largest first.

    Each is a list of pairs: the layer whose output is copied, and the copy.
    """
    copies = [c for c in convolutions if c.output == output and c.is_copy and c.post_op is None]
    # What goes home does so once nothing needs the old value, see `states`.
    copies = [c for c in copies if not c.home and _fits(c, convolutions, config)]
    found = [(_producer(copy, convolutions, outputs), copy) for copy in copies]
    pairs = [(earlier, copy) for earlier, copy in found if earlier is not None]
    if pairs:
        yield pairs
    # Layers that read the same tensor write to the same bank.
    for source in dict.fromkeys(earlier.source for earlier, _ in pairs):
        yield [pair for pair in pairs if pair[0].source == source]
    for pair in pairs:
        yield [pair]


def _cost(convolutions: Sequence[Convolution], outputs: Collection[str]) -> tuple[int, int]:
    """Layers with the copies that the banks need, and all values that they read."""
    layers = add_bank_copies(convolutions, outputs)
    return len(layers), sum(math.prod(c.input_shape) for c in layers)


def _producer(
    copy: Convolution, convolutions: Sequence[Convolution], outputs: Collection[str]
) -> Convolution | None:
    """The layer that can write for a copy: it alone computes what the copy alone reads."""
    writers = [c for c in convolutions if c.output == copy.source]
    readers = [c for c in convolutions if copy.source in (c.source, c.residual)]
    if len(writers) != 1 or len(readers) != 1 or copy.source in outputs:
        return None
    (earlier,) = writers
    height, width, channels = copy.input_shape
    whole = (
        earlier.output_shape == copy.input_shape
        and earlier.region == Region(0, 0, height, width)
        and (earlier.first_channel, earlier.channels) == (0, channels)
    )
    free = earlier.residual is None and not earlier.transposed and earlier.output_stride == (1, 1)
    return earlier if whole and free else None


def _fits(
    copy: Convolution, convolutions: Sequence[Convolution], config: AcceleratorConfig
) -> bool:
    """Whether its channels begin where the core can write, in words that no widened part shares."""
    parts, step = [c for c in convolutions if c.output == copy.output], lane_step(config)
    return all(is_aligned(c, step) for c in parts) or is_aligned(copy, config.rows)


def _without(
    pairs: Sequence[tuple[Convolution, Convolution]], convolutions: Sequence[Convolution]
) -> list[Convolution]:
    """The layers without those copies, each writing to where its copy would have."""
    removed = {id(copy) for _, copy in pairs}
    moved = {id(earlier): _at(earlier, copy) for earlier, copy in pairs}
    return [moved.get(id(c), c) for c in convolutions if id(c) not in removed]


def _at(c: Convolution, copy: Convolution) -> Convolution:
    top, left = copy.region.top, copy.region.left
    return c.replace(
        output=copy.output,
        output_shape=copy.output_shape,
        first_channel=copy.first_channel,
        transposed=copy.transposed,
        region=copy.region,
        padding=(c.padding[0] + top * c.stride[0], c.padding[1] + left * c.stride[1]),
    )
