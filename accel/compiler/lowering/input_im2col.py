"""Lays out the network's inputs as their first layers read them fastest: im2col by the driver.

A convolution of few input channels would leave most of a word empty, and the array idle. So the
driver writes whole rows of the kernel's window into the channels of a position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rounding import CONTRACTS
from ...numeric.rules.rules import Rescale
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import Alias, TensorLayout


@dataclass(frozen=True, eq=False)
class InputMap:
    """How the driver writes a sample into memory: which of its values each stored byte holds.

    ``index`` is int64 ``[height, width, channels]``, indices into the flattened sample; -1 stands
    for the code ``pad``. ``source`` is the network's input, of which ``tensor`` may be a row band.
    """

    tensor: str
    index: np.ndarray
    pad: int
    source: str = ""

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", self.tensor)

    def bands(self, spans: Mapping[str, tuple[int, int]]) -> "tuple[InputMap, ...]":
        """Its row bands, of these names, each from the first of its rows up to the end."""
        return tuple(
            replace(self, tensor=name, index=self.index[first:end])
            for name, (first, end) in spans.items()
        )

    @property
    def layout(self) -> TensorLayout:
        return TensorLayout(*self.index.shape)

    def pack(self, samples: np.ndarray, rows: int) -> np.ndarray:
        """The bytes to store, uint8 ``[N, words * rows]``, of int8 samples ``[N, ...]``."""
        flat = samples.reshape(len(samples), -1)
        flat = np.concatenate([flat, np.full((len(flat), 1), self.pad, np.int8)], axis=1)
        height, width, channels = self.index.shape
        size = -(-channels // rows) * rows
        packed = np.zeros((len(samples), height, width, size), np.int8)
        packed[..., :channels] = flat[:, self.index]
        return packed.reshape(len(samples), -1).view(np.uint8)


def plain_input(
    tensor: str, layout: TensorLayout, channels: Sequence[int] | None = None
) -> InputMap:
    """The tensor as it is, or with these of its channels, of which some may be repeated."""
    index = np.arange(np.prod(layout.shape)).reshape(layout.shape)
    return InputMap(tensor, index if channels is None else index[..., list(channels)], 0)


def fold_inputs(
    layers: Sequence[Convolution],
    names: Sequence[str],
    aliases: Mapping[str, Alias],
    repeats: Mapping[str, Sequence[int]],
    config: AcceleratorConfig,
) -> tuple[tuple[Convolution, ...], tuple[InputMap, ...]]:
    """The layers, changed where their input is folded, and how each of the core's inputs is stored.

    An input is folded if one layer alone reads it. ``repeats`` lists the channels of an input as
    they are to be stored, where some are repeated.
    """
    changed, inputs = list(layers), []
    for name in names:
        at = [i for i, c in enumerate(changed) if c.source == name]
        alone = len(at) == 1 and not any(c.residual == name for c in changed)
        channels = repeats.get(name)
        folded = fold_input(changed[at[0]], config, channels) if alone else None
        if folded is None:
            inputs.append(plain_input(name, aliases[name].layout, channels))
        else:
            changed[at[0]], input_map = folded
            inputs.append(input_map)
    return tuple(changed), tuple(inputs)


def fold_input(
    c: Convolution, config: AcceleratorConfig, stored: Sequence[int] | None = None
) -> tuple[Convolution, InputMap] | None:
    """Move rows of the kernel into the channels of a network's input, or return None.

    None means that this would save no cycles or that the input would not fit into a bank. The
    convolution's input channels are the network's, or those of them that ``stored`` lists. Columns
    of the array that would be idle compute neighbouring positions.
    """
    plain = _cycles(c, c.kernel[0] * c.kernel[1], c.input_shape[2], config)
    best = None
    for count in range(1, max(1, config.columns // c.channels) + 1):
        joined = neighbours(c, count, config.rows)
        if joined is None or not _whole_width(joined):
            continue
        for rows in range(1, c.stride[0] + 1):
            if joined.stride[0] % rows or (rows > 1 and not _whole_height(joined)):
                continue
            folded = _folded(joined, rows)
            taps, channels = folded.kernel[0], folded.input_shape[2]
            words = TensorLayout(*folded.input_shape).words(config.rows)
            cost = _cycles(folded, taps, channels, config), words
            if words <= config.bank_words and cost[0] < plain and (not best or cost < best[0]):
                best = cost, joined, folded, rows
    if best is None:
        return None
    _, joined, folded, rows = best
    return folded, InputMap(c.source, _index(joined, folded, rows, stored), c.pad)


def neighbours(c: Convolution, count: int, rows: int) -> Convolution | None:
    """The same convolution with ``count`` neighbouring positions as the channels of one.

    None where the output would lie differently in memory: its channels must be whole words of
    ``rows`` bytes.
    """
    if count == 1:
        return c
    height, width, channels = c.output_shape
    plain = not (c.depthwise or c.uniform or c.transposed or _floating(c))
    whole = channels % rows == 0 and c.channels == channels and width % count == 0
    region = c.region == Region(0, 0, height, width) and c.output_stride == (1, 1)
    if not (plain and whole and region) or (c.post_op and c.post_op.residual):
        return None
    kernel_h, kernel_w = c.kernel
    stride = c.stride[1]
    reach = kernel_w + (count - 1) * stride
    weights = np.zeros((count, channels, kernel_h, reach, c.input_shape[2]), np.int64)
    for index in range(count):
        weights[index, :, :, index * stride : index * stride + kernel_w] = c.weights
    every = np.tile(np.arange(channels), count)
    return c.replace(
        output_shape=(height, width // count, count * channels),
        weights=weights.reshape(-1, kernel_h, reach, c.input_shape[2]),
        bias=c.bias[every],
        rule=c.rule.take(every),
        stride=(c.stride[0], count * stride),
        region=Region(0, 0, height, width // count),
    )


def _floating(c: Convolution) -> bool:
    """Whether channels may turn out inexact: they are named then, so they keep their numbers."""
    rule = getattr(c.rule, "inner", c.rule)
    return isinstance(rule, Rescale) and CONTRACTS[rule.contract].floating


def _whole_width(c: Convolution) -> bool:
    plain = not c.depthwise and not c.transposed and c.output_stride == (1, 1)
    return plain and not c.region.left and c.region.width == c.output_shape[1]


def _whole_height(c: Convolution) -> bool:
    return not c.region.top and c.region.height == c.output_shape[0]


def _cycles(c: Convolution, taps: int, channels: int, config: AcceleratorConfig) -> tuple[int, int]:
    """Cycles of all tiles of a dense layer with so many taps; and the same without the drain."""
    tiles = -(-c.region.height * c.region.width // config.rows)
    tiles *= -(-c.channels // config.columns)
    steps = taps * -(-channels // config.rows) * config.rows
    return tiles * max(steps, config.drain_cycles), tiles * steps


def _folded(c: Convolution, rows: int) -> Convolution:
    """The convolution over an input whose positions each hold ``rows`` rows of a window."""
    (height, _, channels), (kernel_h, kernel_w) = c.input_shape, c.kernel
    taps, padding = -(-kernel_h // rows), c.padding[0]
    if rows > 1:
        # The padding lies in memory: rows are those of the windows, not of the image.
        height = (c.output_shape[0] - 1) * (c.stride[0] // rows) + taps
        padding = 0
    weights = np.zeros((len(c.weights), taps * rows, kernel_w * channels), np.int64)
    weights[:, :kernel_h] = c.weights.reshape(len(c.weights), kernel_h, -1)
    return c.replace(
        input_shape=(height, c.output_shape[1], rows * kernel_w * channels),
        weights=weights.reshape(len(c.weights), taps, 1, -1),
        stride=(c.stride[0] // rows, 1),
        padding=(padding, 0),
    )


def _index(
    c: Convolution, folded: Convolution, rows: int, stored: Sequence[int] | None
) -> np.ndarray:
    """Which value of a sample each byte of a folded input holds."""
    height, width, count = c.input_shape
    channels = np.arange(count) if stored is None else np.array(stored)
    own = int(channels.max()) + 1
    first = c.padding[0] if rows > 1 else 0
    y = np.arange(folded.input_shape[0])[:, None] * rows - first + np.arange(rows)
    x = np.arange(c.output_shape[1])[:, None] * c.stride[1] - c.padding[1] + np.arange(c.kernel[1])
    y, x = y[:, None, :, None, None], x[None, :, None, :, None]  # [Y, X, row, column, channel]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    index = (y * width + x) * own + channels
    return np.where(inside, index, -1).reshape(folded.input_shape)
