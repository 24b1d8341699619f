"""What one layer of the core computes, before it is cut into tiles for a configuration."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...numeric.formats import SubByte
from ...numeric.rules.rules import Mean, Rule

Pair = tuple[int, int]


@dataclass(frozen=True)
class Region:
    """A rectangle of output positions."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PostOp:
    """What is done with a convolution's codes before they are stored, see `isa`.

    One of ``maximum``, ``pack`` and ``lookup_tables`` at most.

    Parameters
    ----------
    residual
        The tensor that the codes are combined with. The output takes its place in memory.
    maximum
        The greater one of the code and the residual operand's is stored.
    pack
        The code goes to the upper bits of the byte; the bits that were there are shifted down.
    lookup_tables
        The sum of two table entries is stored: int64 ``[256]`` by the convolution's code, and
        ``[256]`` by the residual operand's code, or ``[1]`` where there is none.
    low, high
        The least and the greatest code to store.
    """

    residual: str | None = None
    maximum: bool = False
    pack: bool = False
    lookup_tables: tuple[np.ndarray, np.ndarray] | None = None
    low: int = -128
    high: int = 127

    def replace(self, **changes: Any) -> "PostOp":
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Band:
    """Which rows of a whole layer a layer of the core computes, where it is cut into row bands.

    Parameters
    ----------
    layer, source, output
        The whole layer's name and tensors. A band reads and writes these, or tensors that hold some
        of their rows.
    index, count
        This band, from 0 on, of how many.
    rows, height
        The rows of the whole output that it computes, from the first up to the end, and how many
        the whole layer computes.
    again
        Rows at their beginning that the band before has computed, too.
    reads
        The rows of the whole source that they need.
    origin
        The row of the whole output that the band's output begins with; 0 if it is the whole one.
    """

    layer: str
    source: str
    output: str
    index: int
    count: int
    rows: Pair
    height: int
    again: int
    reads: Pair
    origin: int


@dataclass(frozen=True)
class ComputedWeights:
    """Weights that the core computes itself: layers before write them into the chunk.

    Parameters
    ----------
    tensor
        The weights, as those layers see them: a row for each group of output channels, in it the
        group's channel parameters, which nobody writes, and a position for each reduction step,
        whose channels are the array's columns.
    least, greatest
        Of the raw sums, whatever the weights become.
    """

    tensor: str
    least: int
    greatest: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolution:
    """A layer of the core: ``output[y, x, o] = rule(bias[o] + sum of weights * input)``.

    The sum is over raw input codes. Every operator that the core computes is lowered to some of
    these; pooling and copies have weights of 1.

    Parameters
    ----------
    name, node
        The layer's name, for people, and that of the graph's node that it belongs to.
    source, output
        Names of tensors.
    input_shape, output_shape
        Stored shapes (height, width, channels).
    weights
        int64 ``[out, kernel_h, kernel_w, in]``; of a depthwise layer ``[kernel_h, kernel_w, out]``.
    bias
        int64 ``[out]``; the input's zero point is folded in.
    rule
        From the biased sum to the output code.
    pad
        The code that is read outside the input.
    stride, padding
        (height, width); padding counts the positions above and to the left. With a stride of 0 all
        positions have the same window.
    region
        The output positions to compute.
    output_stride
        (height, width), in output positions: from each position that is written to the next, the
        first one being the first of ``region``; negative where the output is written backwards.
        ``region`` counts the written ones, and windows are those of ``stride``.
    uniform
        All channels have the same weights, bias and rule.
    macs
        Multiply-accumulates that the network counts for it, padding included.
    post_op
        What is done with the codes before they are stored.
    first_channel
        The output's channel that the first of the weights computes.
    transposed
        Positions go to memory with height and width exchanged: ``region`` is as computed,
        ``output_shape`` as stored.
    rereads
        Every row of the kernel reads the input row of the first one, so that several weights of a
        value are added. No window may leave the input.
    sub_byte
        The packing of input and weights, where their bytes hold several values each.
    neighbours
        How many neighbouring positions of the tensor its output channels are.
    band
        Where it is a part of a layer that is cut into row bands: which.
    home
        The state whose place in memory the output takes, see `lowering.states`.
    computed
        Weights that are computed, where ``weights`` has 0.
    """

    name: str
    node: str
    source: str
    output: str
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    weights: np.ndarray
    bias: np.ndarray
    rule: Rule
    pad: int
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    region: Region
    output_stride: Pair = (1, 1)
    uniform: bool = False
    macs: int = 0
    post_op: PostOp | None = None
    first_channel: int = 0
    transposed: bool = False
    rereads: bool = False
    sub_byte: SubByte | None = None
    neighbours: int = 1
    band: Band | None = None
    home: str | None = None
    computed: ComputedWeights | None = None

    @property
    def depthwise(self) -> bool:
        return self.weights.ndim == 3

    @property
    def residual(self) -> str | None:
        """The tensor that the codes are combined with, if any."""
        return self.post_op.residual if self.post_op else None

    @property
    def addend(self) -> None:
        """Kept sums that are added, of which there are none before a layer is in parts."""

    @property
    def channels(self) -> int:
        """Output channels that are computed."""
        return self.weights.shape[2] if self.depthwise else len(self.weights)

    @property
    def kernel(self) -> Pair:
        shape = self.weights.shape
        return shape[:2] if self.depthwise else shape[1:3]

    @property
    def weight_rows(self) -> np.ndarray:
        """The weights of each output channel, int64 ``[out, n]``."""
        if self.sub_byte:
            return self.sub_byte.unpack(self.weights).reshape(len(self.weights), -1)
        if self.depthwise:
            return self.weights.reshape(-1, self.weights.shape[2]).T
        return self.weights.reshape(len(self.weights), -1)

    @property
    def sum_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest raw sum of any int8 input, int64 ``[out]`` each, by exact products."""
        if self.computed:
            low, high = self.computed.least, self.computed.greatest
            each = np.ones(self.channels, np.int64)
            return low * each, high * each
        rows = self.weight_rows
        positive = np.maximum(rows, 0).sum(axis=1)
        negative = np.minimum(rows, 0).sum(axis=1)
        least, greatest = self.sub_byte.range if self.sub_byte else (-128, 127)
        return least * positive + greatest * negative, greatest * positive + least * negative

    def as_dense(self) -> "Convolution":
        """The same, with the weights of a depthwise convolution on a diagonal of full ones."""
        if not self.depthwise:
            return self
        kernel_h, kernel_w, channels = self.weights.shape
        weights = np.zeros((channels, kernel_h, kernel_w, channels), np.int64)
        index = np.arange(channels)
        weights[index, :, :, index] = self.weights.transpose(2, 0, 1)
        return replace(self, weights=weights, uniform=False)  # rows differ now

    @property
    def takes_codes(self) -> bool:
        """Whether an output code is one code of the input, at most clamped, before the post-op."""
        return isinstance(self.rule, Mean) and self.rule.count == 1

    @property
    def is_copy(self) -> bool:
        """Whether it writes all codes of its input somewhere, unchanged before the post-op."""
        height, width, channels = self.input_shape
        region = self.region
        return (
            self.takes_codes
            and (self.rule.low, self.rule.high) == (-128, 127)
            and self.weights.shape == (1, 1, channels)
            and bool((self.weights == 1).all())
            and not self.bias.any()
            and self.stride == self.output_stride == (1, 1)
            and self.padding == (region.top, region.left)
            and (region.height, region.width) == (height, width)
        )

    @property
    def is_copy_in_place(self) -> bool:
        """Whether it is a copy in which each code keeps its position and its channel."""
        height, width, _ = self.output_shape
        return (
            self.is_copy
            and self.input_shape == self.output_shape
            and self.region == Region(0, 0, height, width)
            and not self.transposed
        )

    def combined_with(self, residual: str) -> "Convolution":
        """The same with another residual operand; it must have a post-op."""
        assert self.post_op is not None, "only a layer with a post-op has a residual operand"
        return self.replace(post_op=self.post_op.replace(residual=residual))

    def replace(self, **changes: Any) -> "Convolution":
        return replace(self, **changes)


def copy_layer(
    name: str, node: str, source: str, output: str, shape: tuple[int, int, int]
) -> Convolution:
    """A layer that copies a tensor of this stored shape."""
    height, width, channels = shape
    return Convolution(
        name=name,
        node=node,
        source=source,
        output=output,
        input_shape=shape,
        output_shape=shape,
        weights=np.ones((1, 1, channels), np.int64),
        bias=np.zeros(channels, np.int64),
        rule=Mean(1, -128, 127, channels=channels),
        pad=0,
        region=Region(0, 0, height, width),
        uniform=True,
    )


def dilated(weights: np.ndarray, dilation: Pair, axes: Pair) -> np.ndarray:
    """Put ``dilation - 1`` zeros between the taps along the two kernel axes."""
    for axis, step in zip(axes, dilation, strict=True):
        if step > 1:
            shape = list(weights.shape)
            shape[axis] = (shape[axis] - 1) * step + 1
            spaced = np.zeros(shape, weights.dtype)
            where = [slice(None)] * weights.ndim
            where[axis] = slice(None, None, step)
            spaced[tuple(where)] = weights
            weights = spaced
    return weights


def cropped(c: Convolution) -> Convolution:
    """The same without rows and columns at the kernel's edges whose weights are all zero.

    Pruned networks have such. At least one tap stays.
    """
    taps = c.weights != 0
    used = taps.any(axis=2) if c.depthwise else taps.any(axis=(0, 3))
    spans = []
    for axis in (1, 0):
        taken = np.flatnonzero(used.any(axis=axis))
        spans.append(slice(taken[0], taken[-1] + 1) if len(taken) else slice(0, 1))
    if c.kernel == tuple(span.stop - span.start for span in spans):
        return c
    rows, columns = spans
    return c.replace(
        weights=c.weights[rows, columns] if c.depthwise else c.weights[:, rows, columns],
        padding=(c.padding[0] - rows.start, c.padding[1] - columns.start),
    )
