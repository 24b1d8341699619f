"""Windows as ONNX's attributes describe them: strides, dilations and padding."""

from dataclasses import dataclass

from ...operators._window import MAX_STEP, Pair, extent
from .builder import Builder, Unreadable
from .values import Activation, Shape, channels_last


@dataclass(frozen=True)
class Windows:
    """Pairs are (height, width); ``output`` is the number of windows.

    Negative padding leaves pixels out. Where the last window reaches beyond the file's padding,
    that at the end is larger, by ``beyond``.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: tuple[Pair, Pair]
    output: Pair
    beyond: Pair = (0, 0)


def image(b: Builder, value: Activation) -> Activation:
    """The value as ``[1, channels, height, width]``; one without height gets one of 1."""
    if len(value.shape) == 3:
        batch, channels, width = value.shape
        return b.reshaped(value, (batch, channels, 1, width))
    if len(value.shape) != 4:
        what = f"input {b.node.inputs[0]!r} has {len(value.shape)} dimensions"
        raise Unreadable(what, "", "use windows of one or two dimensions")
    return value


def channels_first(b: Builder, x: Activation) -> Activation:
    """The input with the channels first, also where the operator's attribute puts them last."""
    rank = len(x.shape)
    if not b.attribute("channels_last", 0):
        return x
    return b.transposed(x, (0, rank - 1, *range(1, rank - 1)))


def in_file_order(b: Builder, x: Activation) -> Activation:
    """A result with channels first in the order that the operator's attribute asks for."""
    return b.transposed(x, channels_last(len(x.shape))) if b.attribute("channels_last", 0) else x


def spatial(name: str, values: tuple[int, ...], rank: int, default: int) -> Pair:
    """An attribute's values for height and width; 1 for the height of one-dimensional windows."""
    values = tuple(values) or (default,) * (rank - 2)
    if len(values) != rank - 2:
        raise Unreadable(f"has {len(values)} {name} for {rank - 2} dimensions")
    if not all(1 <= value <= MAX_STEP for value in values):
        raise Unreadable(f"has {name} {list(values)} out of range 1..{MAX_STEP}")
    return (values[0], values[1]) if rank == 4 else (1, values[0])


def windows(
    b: Builder, size: Shape, kernel: Shape, rank: int, convolution: bool = False
) -> Windows:
    """The windows over an image of ``size``, by the present node's attributes.

    ``kernel`` is the file's, ``rank`` the input's. With ``auto_pad``, the runtime pads a
    ``convolution`` and a pooling differently where strides leave out pixels, and a pooling as if it
    had no dilation.
    """
    taps = spatial("kernel_shape", kernel, rank, 1)
    stride = spatial("strides", b.attribute("strides", ()), rank, 1)
    dilation = spatial("dilations", b.attribute("dilations", ()), rank, 1)
    pads = b.attribute("pads", ()) or (0,) * (2 * (rank - 2))
    if len(pads) != 2 * (rank - 2) or not all(0 <= pad <= MAX_STEP for pad in pads):
        raise Unreadable(f"has pads {list(pads)}, which are not {2 * (rank - 2)} amounts")
    half = len(pads) // 2
    explicit = [*zip(pads[:half], pads[half:], strict=True)]
    explicit = explicit if rank == 4 else [(0, 0), *explicit]
    mode, ceil = b.attribute("auto_pad", "NOTSET"), b.is_one("ceil_mode")
    padding: list[Pair] = []
    output: list[int] = []
    wider: list[int] = []
    for axis in (0, 1):
        step, reach = stride[axis], extent(taps[axis], dilation[axis])
        covered = reach if convolution else taps[axis]
        before, after = _amounts(mode, explicit[axis], size[axis], step, covered, convolution)
        free = size[axis] + before + after - reach
        count = (-(-free // step) if ceil else free // step) + 1
        if ceil and (count - 1) * step >= size[axis] + before:
            count -= 1  # a window must not begin after the image
        if free < 0 or count < 1:
            raise Unreadable(f"has windows of {reach} on {size[axis] + before + after} pixels")
        wider.append(max((count - 1) * step - free, 0))
        padding.append((before, after + wider[axis]))
        output.append(count)
    both = (padding[0], padding[1]), (output[0], output[1]), (wider[0], wider[1])
    return Windows(taps, stride, dilation, *both)


def _amounts(
    mode: str, explicit: Pair, size: int, step: int, reach: int, convolution: bool
) -> Pair:
    """Pixels of padding before and after; negative amounts leave pixels out.

    Source: ONNX Runtime's ``ComputePad`` and ``PoolAttributes::ComputeSizePadDilations``, which
    halve a negative total towards zero, as C++ does. Its convolutions were measured to halve one
    more than that, in all of 1,320 combinations of kernel, stride and size.
    """
    if mode == "NOTSET":
        return explicit
    if mode == "VALID":
        return (0, 0)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Unreadable(f"has an unknown auto_pad {mode!r}")
    total = (-(-size // step) - 1) * step + reach - size
    halved = total + (total < 0 and convolution) + (mode == "SAME_LOWER")
    before = halved // 2 if halved >= 0 else -(-halved // 2)
    return before, total - before
