"""Tensors of few bits, several of their channels in a byte, where the core's number format has such.

A tensor is stored like that if one convolution computes it, its codes are as few as the bits hold, and
none but convolutions over all its channels read it, with weights that the bits hold too. It is computed
in as many parts as a byte has codes: the first part puts its codes into the upper bits of the bytes, and
each further one shifts what is there down and does the same. Networks' inputs and outputs are bytes.

Codes differ from values by the tensor's *origin*, which goes into the biases of whoever reads it. Of
binary values none is 0: what fills words is -1 there, has weights of 1, and is in the biases as well.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ...numeric.formats import SubByte
from ...numeric.rules.rules import Recoded
from ..ir.layer import Convolution, PostOp
from .input_im2col import fold_input

Coding = tuple[int, int]  # channels in a byte, code of a value of 0


def in_few_bits(
    convolutions: Sequence[Convolution], ends: Collection[str], config: AcceleratorConfig
) -> tuple[list[Convolution], Mapping[str, Coding]]:
    """The same work with tensors in few bits where they can be, and how those are coded.

    ``ends`` are the network's inputs and outputs.
    """
    sub_byte = config.number_format.sub_byte
    if sub_byte is None:
        return list(convolutions), {}
    chosen = {}
    for tensor in dict.fromkeys(c.output for c in convolutions if c.output not in ends):
        origin = _origin(tensor, convolutions, sub_byte, ends, config)
        if origin is not None:
            chosen[tensor] = sub_byte.packing_factor, origin
    done: list[Convolution] = []
    for c in convolutions:
        source, output = chosen.get(c.source), chosen.get(c.output)
        c = c if source is None else _reading(c, sub_byte, source[1], config.rows)
        done += [c] if output is None else _writing(c, sub_byte, output[1], config.rows)
    return done, chosen


def _origin(
    tensor: str,
    convolutions: Sequence[Convolution],
    sub_byte: SubByte,
    ends: Collection[str],
    config: AcceleratorConfig,
) -> int | None:
    """The code of a value of 0, if a tensor can be stored in few bits and that is worth it."""
    writers = [c for c in convolutions if c.output == tensor]
    readers = [c for c in convolutions if c.source == tensor]
    if any(c.post_op and c.post_op.residual == tensor for c in convolutions):
        return None
    if len(writers) != 1 or not readers or not _can_write(writers[0]):
        return None
    origin = _origin_of_codes(writers[0], sub_byte)
    fits = origin is not None and all(_can_read(c, writers[0], origin, sub_byte) for c in readers)
    if not fits:
        return None
    writer = writers[0]
    # What reads a network's input in parts cannot find rows of its window in the channels.
    folded = fold_input(writer, config) if writer.source in ends else None
    before = [folded[0] if folded else writer, *readers]
    after = _writing(writer, sub_byte, origin, config.rows)
    after += [_reading(c, sub_byte, origin, config.rows) for c in readers]
    costs = (sum(_cycles(c, config) for c in work) for work in (after, before))
    return origin if next(costs) < next(costs) else None


def _cycles(c: Convolution, config: AcceleratorConfig) -> int:
    """About what a convolution over all its channels takes: tiles, or loads where these are slower."""
    isa, rows = Isa(config), config.rows
    groups = -(-c.channels // config.columns)
    tiles = -(-c.region.height * c.region.width // rows)
    steps = c.kernel[0] * c.kernel[1] * -(-c.input_shape[2] // rows) * rows
    load = config.columns * isa.channel_parameter_words + -(
        -steps * config.step_bits // config.word_bits
    )
    group = max(tiles * max(steps, config.drain_cycles), load)
    return groups * group + load + isa.descriptor_words + config.drain_cycles


def _can_write(c: Convolution) -> bool:
    whole = not c.depthwise and not c.uniform and c.first_channel == 0
    return whole and c.channels == c.output_shape[2] and c.output_stride == (1, 1) and not c.post_op


def _origin_of_codes(c: Convolution, sub_byte: SubByte) -> int | None:
    """The code that stands for 0 where a convolution has no more codes than there are values."""
    (least, greatest), low, high = sub_byte.range, c.rule.low, c.rule.high
    if high - low > greatest - least:
        return None
    if sub_byte.step == 1:
        return 0 if least <= low and high <= greatest else low - least
    return (low + high) // 2 if high - low == sub_byte.step and _has_two_codes(c) else None


def _has_two_codes(c: Convolution) -> bool:
    """Whether no sum of any input has a code between the least and the greatest."""
    below, above = (edge + c.bias for edge in c.sum_range)  # the first that is not low is between
    while (below < above).any():
        middle = (below + above) // 2
        is_low = c.rule.compute(middle) == c.rule.low
        below, above = np.where(is_low, middle + 1, below), np.where(is_low, above, middle)
    return bool(np.isin(c.rule.compute(below), (c.rule.low, c.rule.high)).all())


def _can_read(c: Convolution, writer: Convolution, origin: int, sub_byte: SubByte) -> bool:
    """Padding is of values as well, and of those that fill words."""
    if c.depthwise or c.input_shape[2] != writer.channels or not sub_byte.holds(c.weights):
        return False
    if sub_byte.step == 1:
        return sub_byte.holds(np.array(c.pad - origin))
    return _stays_inside(c) or c.pad - origin == sub_byte.range[0]


def _stays_inside(c: Convolution) -> bool:
    """Whether no window reaches beyond the input."""
    r, (kernel_h, kernel_w) = c.region, c.kernel
    for first, count, stride, padding, kernel, size in (
        (r.top, r.height, c.stride[0], c.padding[0], kernel_h, c.input_shape[0]),
        (r.left, r.width, c.stride[1], c.padding[1], kernel_w, c.input_shape[1]),
    ):
        begin = first * stride - padding
        if begin < 0 or begin + (count - 1) * stride + kernel > size:
            return False
    return True


def _size(channels: int, sub_byte: SubByte, rows: int) -> int:
    """Bytes of a position: whole words where nothing can be multiplied by 0."""
    size = -(-channels // sub_byte.packing_factor)
    return size if sub_byte.step == 1 else -(-size // rows) * rows


def _reading(c: Convolution, sub_byte: SubByte, origin: int, rows: int) -> Convolution:
    height, width, channels = c.input_shape
    size = _size(channels, sub_byte, rows)
    filling = size * sub_byte.packing_factor - channels
    idle = 0 if sub_byte.step == 1 else 1
    weights = np.pad(c.weights, ((0, 0), (0, 0), (0, 0), (0, filling)), constant_values=idle)
    bias = c.bias + origin * c.weights.sum(axis=(1, 2, 3))
    bias = bias - idle * sub_byte.range[0] * filling * c.kernel[0] * c.kernel[1]
    pad = c.pad - origin if sub_byte.holds(np.array(c.pad - origin)) else sub_byte.range[0]
    return c.replace(
        weights=sub_byte.pack(weights.reshape(*weights.shape[:3], size, sub_byte.packing_factor)),
        bias=bias,
        input_shape=(height, width, size),
        pad=int(sub_byte.pack(np.full(sub_byte.packing_factor, pad))),
        sub_byte=sub_byte,
    )


def _writing(c: Convolution, sub_byte: SubByte, origin: int, rows: int) -> list[Convolution]:
    """A convolution for each place in a byte."""
    height, width, channels = c.output_shape
    size = _size(channels, sub_byte, rows)
    rule = Recoded(c.rule, origin + sub_byte.step - 1, sub_byte.step, np.zeros(channels, bool))
    parts = []
    for lane in range(sub_byte.packing_factor):
        places = lane + sub_byte.packing_factor * np.arange(size)
        index = places.clip(None, channels - 1)
        own = rule.take(index)
        own.idle[:] = places >= channels
        parts.append(
            c.replace(
                name=f"{c.name}_lane{lane}",
                weights=c.weights[index],
                bias=c.bias[index],
                rule=own,
                output_shape=(height, width, size),
                macs=c.macs * (lane + 1) // sub_byte.packing_factor
                - c.macs * lane // sub_byte.packing_factor,
                post_op=PostOp(
                    residual=c.output if lane else None, pack=True, low=own.low, high=own.high
                ),
            )
        )
    return parts
