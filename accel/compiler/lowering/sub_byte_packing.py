"""Packs several channels of few bits into a byte, for number formats that have sub-byte values.

A tensor is packed if its codes are few enough for the bits, one convolution computes it, and only
convolutions over all its channels read it, with weights that fit the bits, too. It is computed in
as many parts as a byte has values: the first part puts its codes into the upper bits of the bytes;
each further one shifts these down and does the same. A network's inputs and outputs stay bytes.

Codes differ from the packed values by the tensor's *origin*, which is folded into the biases of the
layers that read it. No binary value is 0: what only fills words is -1 there, with weights of 1, and
is folded into the biases as well.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ...numeric.formats import SubByte
from ...numeric.rules.rules import Recoded
from ..ir.layer import Convolution, PostOp
from .input_im2col import fold_input

Coding = tuple[int, int]  # packing factor and origin, see `TensorLayout`


def pack_sub_byte(
    convolutions: Sequence[Convolution], ends: Collection[str], config: AcceleratorConfig
) -> tuple[list[Convolution], Mapping[str, Coding]]:
    """The same layers with packed tensors where that saves cycles, and the coding of each of these.

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
    """The origin of a tensor that can be packed, if that saves cycles."""
    writers = [c for c in convolutions if c.output == tensor]
    readers = [c for c in convolutions if c.source == tensor]
    if any(c.post_op and c.post_op.residual == tensor for c in convolutions):
        return None
    if len(writers) != 1 or not readers or not _can_write(writers[0]):
        return None
    (writer,) = writers
    origin = _origin_of_codes(writer, sub_byte)
    if origin is None or not all(_can_read(c, writer, origin, sub_byte) for c in readers):
        return None
    # A network's input that several parts read cannot be folded, see `input_im2col`.
    folded = fold_input(writer, config) if writer.source in ends else None
    before = [folded[0] if folded else writer, *readers]
    after = _writing(writer, sub_byte, origin, config.rows)
    after += [_reading(c, sub_byte, origin, config.rows) for c in readers]
    costs = (sum(_cycles(c, config) for c in work) for work in (after, before))
    return origin if next(costs) < next(costs) else None


def _cycles(c: Convolution, config: AcceleratorConfig) -> int:
    """About the cycles of a dense convolution: tiles, or loads where these are slower."""
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
    whole = not (c.depthwise or c.uniform or c.rereads) and c.first_channel == 0
    return whole and c.channels == c.output_shape[2] and c.output_stride == (1, 1) and not c.post_op


def _origin_of_codes(c: Convolution, sub_byte: SubByte) -> int | None:
    """The code that stands for 0, if a convolution has no more codes than the bits hold."""
    (least, greatest), low, high = sub_byte.range, c.rule.low, c.rule.high
    if high - low > greatest - least:
        return None
    if sub_byte.step == 1:
        return 0 if least <= low and high <= greatest else low - least
    return (low + high) // 2 if high - low == sub_byte.step and _has_two_codes(c) else None


def _has_two_codes(c: Convolution) -> bool:
    """Whether every sum of any input leads to the least code or to the greatest one."""
    below, above = (
        edge + c.bias for edge in c.sum_range
    )  # bisected: the first sum that is not low
    while (below < above).any():
        middle = (below + above) // 2
        is_low = c.rule.compute(middle) == c.rule.low
        below, above = np.where(is_low, middle + 1, below), np.where(is_low, above, middle)
    return bool(np.isin(c.rule.compute(below), (c.rule.low, c.rule.high)).all())


def _can_read(c: Convolution, writer: Convolution, origin: int, sub_byte: SubByte) -> bool:
    """Whether a convolution can read the packed tensor: weights fit, and so does its padding.

    The values that fill words must be the padding's, too, where they are not 0.
    """
    dense = not c.depthwise and not c.rereads and c.input_shape[2] == writer.channels
    if not dense or not sub_byte.holds(c.weights):
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
    """Bytes of a position: whole words where there is no 0 to fill them with."""
    size = -(-channels // sub_byte.packing_factor)
    return size if sub_byte.step == 1 else -(-size // rows) * rows


def _reading(c: Convolution, sub_byte: SubByte, origin: int, rows: int) -> Convolution:
    """The convolution over the packed tensor."""
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
    """The convolution as one part for each value of a byte, from the upper bits on."""
    height, width, channels = c.output_shape
    size = _size(channels, sub_byte, rows)
    rule = Recoded(c.rule, origin + sub_byte.step - 1, sub_byte.step, np.zeros(channels, bool))
    parts = []
    for part in range(sub_byte.packing_factor):
        computed = part + sub_byte.packing_factor * np.arange(size)
        index = computed.clip(None, channels - 1)
        own = rule.take(index)
        own.idle[:] = computed >= channels
        parts.append(
            c.replace(
                name=f"{c.name}_lane{part}",
                weights=c.weights[index],
                bias=c.bias[index],
                rule=own,
                output_shape=(height, width, size),
                macs=c.macs * (part + 1) // sub_byte.packing_factor
                - c.macs * part // sub_byte.packing_factor,
                post_op=PostOp(
                    residual=c.output if part else None, pack=True, low=own.low, high=own.high
                ),
            )
        )
    return parts
