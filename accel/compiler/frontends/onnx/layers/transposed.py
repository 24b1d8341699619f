"""ConvTranspose in ONNX files: the runtime computes it in float32, also between quantizers."""

from typing import Any

import numpy as np

from ....operators._activation import FusedActivation
from ....operators._window import MAX_STEP, extent
from ....operators.float_transpose_conv2d import FloatTransposeConv2d
from ....operators.transpose_conv2d import TransposeConv2d
from ..builder import Builder, Unreadable
from ..values import Activation, Dequantized, Shape, Value, channels_last
from ..windows import spatial
from .convolutions import as_images
from .float_sums import FloatForm
from .linear import linear, viewed_as
from .weights import weights_of


def conv_transpose(b: Builder) -> list[Value]:
    x, weights = b.numbers(0), weights_of(b, 1)
    groups = b.attribute("group", 1)
    source, weights = as_images(b, x, weights)
    depth = len(weights.codes)
    if groups < 1 or depth % groups or depth != source.shape[1]:
        what = f"has {groups} groups, weights of {weights.shape} and {source.shape[1]} channels"
        raise Unreadable(what)
    b.spend(weights.codes.size * groups)
    grouped = _by_output(weights, groups)
    return [_sums(b, x, source, weights, grouped, groups)]


def _by_output(weights: Dequantized, groups: int) -> Dequantized:
    """Weights ``[in, out of a group, ...]`` as ``[out, in, ...]``, zero outside a group."""
    depth, out, *kernel = weights.shape
    own = depth // groups
    scales, zeros = (_per_output(a, groups) for a in (weights.scale, weights.zero_point))
    fill = zeros.astype(weights.codes.dtype).reshape(-1, 1, 1, 1)
    codes = np.broadcast_to(fill, (groups * out, depth, *kernel)).copy()
    for group in range(groups):
        rows = slice(group * own, (group + 1) * own)
        codes[group * out : (group + 1) * out, rows] = weights.codes[rows].swapaxes(0, 1)
    scales, zeros = (np.broadcast_to(a.reshape(-1, 1, 1, 1), codes.shape) for a in (scales, zeros))
    return Dequantized(codes, scales, zeros)


def _spaced(weights: Dequantized, dilation: Shape, reach: Shape, window: Shape) -> Dequantized:
    """The same in a window, with zeros between and after the taps."""
    scales, zeros = (
        np.broadcast_to(a[:, :1, :1, :1], (*weights.shape[:2], *window))
        for a in (weights.scale, weights.zero_point)
    )
    codes = zeros.astype(weights.codes.dtype)
    codes[:, :, : reach[0] : dilation[0], : reach[1] : dilation[1]] = weights.codes
    return Dequantized(codes, scales, zeros)


def _per_output(values: np.ndarray, groups: int) -> np.ndarray:
    """One value for each output channel, which groups may share: ``[groups * out]``."""
    depth, out = values.shape[:2]
    whole = values.reshape(groups, depth // groups, out, -1)
    if (whole != whole[:, :1, :, :1]).any():
        remedy = "quantize weights per tensor or per output channel"
        raise Unreadable("has weights with scales that differ within a channel", "", remedy)
    return whole[:, 0, :, 0].reshape(-1)


def _sums(
    b: Builder,
    x: Activation,
    source: Activation,
    given_weights: Dequantized,
    weights: Dequantized,
    groups: int,
) -> Value:
    """``given_weights`` are as in the file, ``weights`` are ``[out, in, ...]``."""
    rank, out, kernel = len(x.shape), len(weights.codes), weights.shape[2:]
    given = tuple(b.attribute("kernel_shape", kernel[4 - rank :]))
    if given != kernel[4 - rank :]:
        raise Unreadable(f"has kernel_shape {list(given)} and weights of {weights.shape}")
    stride = spatial("strides", b.attribute("strides", ()), rank, 1)
    dilation = spatial("dilations", b.attribute("dilations", ()), rank, 1)
    reach = tuple(extent(k, d) for k, d in zip(kernel, dilation, strict=True))
    padding, size = _output(b, source.shape[2:], reach, stride, rank)
    if not all(1 <= n <= MAX_STEP for n in size):
        raise Unreadable(f"has an output of {size[0]}x{size[1]} positions")

    def form(codes: np.ndarray, activation: FusedActivation) -> tuple[str, Any, np.ndarray, int]:
        attributes = TransposeConv2d(stride=stride, padding=padding, activation=activation)
        return "transpose_conv2d", attributes, codes.transpose(0, 2, 3, 1), 0

    # Where all of the first window is cut off, zeros after the kernel make it larger.
    window = tuple(max(r, p + 1) for r, p in zip(reach, padding, strict=True))
    weights = _spaced(weights, dilation, reach, window)
    shape, layout = (1, out, *size), channels_last(4)
    attributes = FloatTransposeConv2d(
        stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    products = given_weights.codes.size * source.shape[2] * source.shape[3]
    # Scales by output channel of a group are no scales of the whole bias.
    codes_of_bias = groups == 1 or not given_weights.by_channel
    name = "float_transpose_conv2d"
    float_form = FloatForm(name, attributes, given_weights, products, codes_of_bias=codes_of_bias)
    bias = b.value(2)
    pending = linear(
        b, source, weights, bias, shape, layout, form, real=True, float_form=float_form
    )
    return pending if rank == 4 else viewed_as(b, pending, (1, out, size[1]))


def _output(
    b: Builder, image: Shape, reach: Shape, stride: Shape, rank: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """How much is cut off above and to the left, and the output's size.

    Source: ONNX Runtime's ``ConvTransposeAttributes::ComputeTransposePadAndOutputShape``.
    """
    count, mode = rank - 2, b.attribute("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise Unreadable(f"has an unknown auto_pad {mode!r}")
    pads = tuple(b.attribute("pads", ())) or (0,) * (2 * count)
    more = tuple(b.attribute("output_padding", ())) or (0,) * count
    wanted = tuple(b.attribute("output_shape", ()))[-count:]
    if len(pads) != 2 * count or len(more) != count or len(wanted) not in (0, count):
        raise Unreadable("has pads, output_padding or output_shape that do not fit")
    if not all(0 <= n <= MAX_STEP for n in (*pads, *more, *wanted)):
        raise Unreadable(f"has amounts out of range 0..{MAX_STEP}")
    befores, sizes = [0] * (4 - rank), [1] * (4 - rank)
    for axis in range(count):
        ours = axis + 4 - rank
        whole = (image[ours] - 1) * stride[ours] + more[axis] + reach[ours]
        before, after = pads[axis], pads[axis + count]
        size = whole - before - after
        if wanted or mode.startswith("SAME"):
            size = wanted[axis] if wanted else min(whole, image[ours] * stride[ours])
            total = max(0, whole - size)
            before = total // 2 if mode == "SAME_UPPER" else total - total // 2
        elif mode == "VALID":
            before, size = 0, whole
        befores.append(before)
        sizes.append(size)
    return (befores[0], befores[1]), (sizes[0], sizes[1])


READERS = {"ConvTranspose": ("transpose_conv2d", conv_transpose)}
