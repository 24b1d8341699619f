"""Random convolutions as the schedule takes them, what they mean, and what the machine makes of
them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from accel.compiler.ir.command import LayerCommand
from accel.compiler.ir.layer import Convolution, PostOp, Region
from accel.compiler.ir.stream import pack_stream
from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.schedule.commands import sums_layouts
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS, FRACTION_BITS
from accel.numeric.rules.rules import Rescale
from accel.sim.functional.decode import decode_layer

SIZES = ((4, 4), (2, 2), (4, 8), (2, 6), (8, 4), (8, 8), (3, 5), (3, 6), (6, 3), (2, 1))
UNTOUCHED = 0x55


def rescale(channels: int, shift: int = -7, zero_point: int = 3) -> Rescale:
    q = 2**30 + np.arange(channels, dtype=np.int64) * 77_777_777 % 2**30
    return Rescale("tflm", q, np.full(channels, shift), zero_point, -128, 127)


def convolution(
    weights: np.ndarray, input_shape: tuple, output_shape: tuple, **changes
) -> Convolution:
    """Of a name, with biases and a rule that use most codes; ``changes`` replace its fields."""
    weights = np.asarray(weights, np.int64)
    height, width, channels = output_shape
    fields = {
        "name": "layer",
        "node": "node",
        "source": "x",
        "output": "y",
        "input_shape": input_shape,
        "output_shape": output_shape,
        "weights": weights,
        "bias": np.arange(channels, dtype=np.int64) * 37 - 100,
        "rule": rescale(channels),
        "pad": -9,
        "region": Region(0, 0, height, width),
    }
    return Convolution(**(fields | changes))


@st.composite
def convolutions(draw, depthwise: bool | None = None) -> Convolution:
    """Full, depthwise and uniform ones, of all or a part of their output positions."""
    kind = draw(st.sampled_from(("full", "depthwise", "uniform")))
    if depthwise is not None:
        kind = "depthwise" if depthwise else "full"
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    axes = []
    for _ in "hw":
        size, kernel, stride = (draw(st.integers(1, n)) for n in (7, 4, 3))
        before = draw(st.integers(0, kernel - 1))
        most = max(1, (size + before - 1) // stride + 1)
        axes.append((size, kernel, stride, before, draw(st.integers(1, most))))
    sizes, kernel, stride, padding, counts = (tuple(pair) for pair in zip(*axes, strict=True))
    channels = draw(st.integers(1, 10))
    out = channels if kind != "full" else draw(st.integers(1, 10))
    shape = (out, *kernel, channels) if kind == "full" else (*kernel, channels)
    weights = random.integers(-8, 8, shape)
    changes = {}
    if kind == "uniform":
        one = weights[..., :1]
        weights = np.broadcast_to(one, shape).copy()
        changes = {"bias": np.full(out, 5), "uniform": True}
        changes["rule"] = rescale(1, -6).take(np.zeros(out, int))
    top, left = (draw(st.integers(0, count - 1)) for count in counts)
    if draw(st.booleans()):
        top = left = 0
    region = Region(top, left, counts[0] - top, counts[1] - left)
    return convolution(
        weights,
        (*sizes, channels),
        (*counts, out),
        stride=stride,
        padding=padding,
        region=region,
        pad=int(random.integers(-128, 128)),
        **changes,
    )


def images(c: Convolution, count: int = 2) -> np.ndarray:
    return np.random.default_rng(3).integers(-128, 128, (count, *c.input_shape)).astype(np.int8)


@st.composite
def combinations(draw, c: Convolution) -> Convolution:
    """A convolution whose codes are combined with what is there, go through tables, or both."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = sorted(draw(st.tuples(*[st.integers(-128, 127)] * 2)))
    second, maximum = draw(st.sampled_from((("z", False), ("z", True), (None, False))))
    pair = None
    if not maximum:
        limit = 1 << draw(st.sampled_from((24, ENTRY_BITS - 1)))
        pair = tuple(random.integers(-limit, limit, n) for n in (256, 256 if second else 1))
    post_op = PostOp(residual=second, maximum=maximum, lookup_tables=pair, low=low, high=high)
    return c.replace(post_op=post_op)


def convolve(c: Convolution, images: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """What a convolution says of itself: int8 ``[N, ...]``.

    ``before`` is what its output's place holds before, ``UNTOUCHED`` if nothing else.
    """
    if before is None:
        before = np.full((len(images), *c.output_shape), UNTOUCHED, np.int8)
    answer = before.copy()
    (height, width, _), r = c.input_shape, c.region
    channels = slice(c.first_channel, c.first_channel + c.channels)
    for y, x in np.ndindex(r.height, r.width):
        to = (r.top + y * c.output_stride[0], r.left + x * c.output_stride[1])
        y, x = y + r.top, x + r.left
        sums = np.zeros((len(images), c.channels), np.int64)
        for i, j in np.ndindex(*c.kernel):
            down = 0 if c.rereads else i
            row, column = y * c.stride[0] - c.padding[0] + down, x * c.stride[1] - c.padding[1] + j
            inside = 0 <= row < height and 0 <= column < width
            pixel = images[:, row, column] if inside else np.full_like(images[:, 0, 0], c.pad)
            pixel = pixel.astype(np.int64)
            sums += pixel * c.weights[i, j] if c.depthwise else pixel @ c.weights[:, i, j].T
        codes = c.rule.compute(sums + c.bias)
        place = (slice(None), *(to[::-1] if c.transposed else to), channels)
        answer[place] = combine(c.post_op, codes, before[place])
    return answer


def combine(post_op: PostOp | None, codes: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Codes as they are stored, from those of a convolution and those that are there."""
    codes = codes.astype(np.int64)
    if post_op is None:
        return codes
    if post_op.maximum:
        codes = np.maximum(codes, old)
    if post_op.lookup_tables is not None:
        first, second = post_op.lookup_tables
        other = second[old.astype(int) + 128] if post_op.residual else second[0]
        codes = ((first[codes + 128] + other) >> FRACTION_BITS) - 128
    return np.clip(codes, post_op.low, post_op.high)


def pack(images: np.ndarray, rows: int) -> np.ndarray:
    """uint8 ``[N, bytes]``: channels of a position in words of ``rows`` bytes."""
    channels = images.shape[-1]
    lacking = -(-channels // rows) * rows - channels
    packed = np.pad(images, [(0, 0)] * 3 + [(0, lacking)])
    return packed.reshape(len(images), -1).view(np.uint8)


def execute(
    commands: Sequence[LayerCommand],
    c: Convolution,
    packed: np.ndarray,
    config: AcceleratorConfig,
    before: np.ndarray | None = None,
) -> np.ndarray:
    """The output, as `convolve` gives it, that the commands' bytes make of a packed input.

    Kept sums lie after it.
    """
    isa, rows = Isa(config), config.rows
    first, target = 11, 23  # words where input and output begin
    layout_of = TensorLayout(*c.output_shape)
    memory = np.full((len(packed), 2, config.bank_words * rows), UNTOUCHED, np.uint8)
    memory[:, 0, first * rows : first * rows + packed.shape[1]] = packed
    size = layout_of.words(rows) * rows
    tile = config.sums_tile_words
    kept = -(-(target + layout_of.words(rows)) // tile)  # in tiles
    sums = sum(one.words(rows) for one in sums_layouts(commands, config).values())
    if before is not None:
        memory[:, 1, target * rows : target * rows + size] = pack(before, rows)
    for command in commands:
        stream = pack_stream(command, config)
        words = len(stream) // rows - command.descriptor.table_words(isa)
        words = words // len(command.channels) - command.descriptor.parameter_words(isa)
        descriptor = replace(
            command.descriptor,
            last=True,
            input_base=first + command.descriptor.input_base,
            output_base=target + command.descriptor.output_base,
            sums_base=kept + command.descriptor.sums_base,
            weight_words=words,
        )
        decode_layer(descriptor.to_bytes(isa) + stream, config).run(memory)
    data = memory[:, 1].view(np.int8)
    own = np.r_[target * rows : target * rows + size]
    outside = np.delete(data, [*own, *(kept * tile * rows + np.arange(sums * rows))], axis=1)
    assert (outside == UNTOUCHED).all()
    data = data[:, target * rows : target * rows + size]
    data = data.reshape(len(packed), layout_of.height, layout_of.width, -1)
    return data[..., : layout_of.channels]


def assert_same(
    commands: Sequence[LayerCommand],
    c: Convolution,
    config: AcceleratorConfig,
    before: np.ndarray | None = None,
) -> None:
    """The machine makes of the commands what the convolution means, on random images."""
    x = images(c)
    answer = execute(commands, c, pack(x, config.rows), config, before)
    np.testing.assert_array_equal(answer, convolve(c, x, before))
