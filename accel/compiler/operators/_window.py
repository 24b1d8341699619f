"""Sliding windows over ``[N, height, width, channels]`` batches."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..ir.graph import Node
from ._operator import require, support

Pair = tuple[int, int]
MAX_STEP = 2**16  # strides, dilations and kernels beyond it are nonsense
MAX_TAPS = 2**16  # of a kernel; no core has steps for as many
BLOCK = 2**23  # values of windows that are copied at a time


class Window(Protocol):
    """Attributes that operators with windows share; amounts are (height, width) in pixels."""

    stride: Pair
    padding: tuple[Pair, Pair]  # (top, bottom), (left, right); negative amounts leave pixels out
    dilation: Pair


def extent(kernel: int, dilation: int) -> int:
    """Pixels from the first to the last tap of a kernel, both included."""
    return (kernel - 1) * dilation + 1


def output_size(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> int:
    """Windows along one axis; zero or less if none fits."""
    return (size + sum(padding) - extent(kernel, dilation)) // stride + 1


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """Amounts before and after that TFLite's SAME padding stands for, the odd one after."""
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + extent(kernel, dilation) - size)
    return total // 2, total - total // 2


def cropped_window(
    size: int, kernel: int, stride: int, padding: Pair, outputs: int
) -> tuple[int, Pair]:
    """Crop a pooling window, along one axis, to what meets the image; returns size and padding.

    Taps that are over padding at every position change no result, but would be computed: of a
    window of 65,536 pixels on an image of 4, at most 7 remain. Without dilation.
    """
    before = padding[0]
    first = max(0, before - (outputs - 1) * stride)
    last = min(kernel, before + size)
    beyond = (outputs - 1) * stride >= before + size  # the last window is beside the image
    if outputs < 1 or kernel > MAX_STEP or not first < last or beyond:
        return kernel, padding  # `check_window` refuses it
    kernel, before = last - first, before - first
    return kernel, (before, max(0, (outputs - 1) * stride + kernel - size - before))


def check_window(node: Node, window: Window, kernel: Pair, source: tuple, result: tuple) -> None:
    """Check window attributes against the shapes ``[1, h, w, ...]`` of input and output."""
    for axis, name in enumerate(("height", "width")):
        size, stride, dilation = source[1 + axis], window.stride[axis], window.dilation[axis]
        before, after = window.padding[axis]
        for what, value in (("stride", stride), ("dilation", dilation), ("kernel", kernel[axis])):
            possible = 1 <= value <= MAX_STEP
            support(possible, node, f"{what} {value} in {name} is out of range 1..{MAX_STEP}")
        reach = extent(kernel[axis], dilation)
        inside = before < reach and after < reach
        require(inside, node, f"padding {before}+{after} in {name} must be below the kernel's size")
        rest = size + min(before, 0) + min(after, 0)
        require(rest > 0, node, f"padding {before}+{after} in {name} leaves none of {size} pixels")
        expected = output_size(size, kernel[axis], stride, window.padding[axis], dilation)
        what = f"output {name} must be {expected}, not {result[1 + axis]}"
        require(result[1 + axis] == expected, node, what)
    taps = f"a kernel of {kernel[0]}x{kernel[1]} taps, more than {MAX_TAPS}"
    support(kernel[0] * kernel[1] <= MAX_TAPS, node, taps, "", "use a smaller kernel")


def windows(x: np.ndarray, kernel: Pair, window: Window, fill: int = 0) -> np.ndarray:
    """Return a view ``[N, out_h, out_w, kernel_h, kernel_w, channels]`` of x padded by ``fill``."""
    rows, columns = (
        slice(max(-before, 0), size + min(after, 0))
        for size, (before, after) in zip(x.shape[1:3], window.padding, strict=True)
    )
    amounts = tuple((max(before, 0), max(after, 0)) for before, after in window.padding)
    padded = np.pad(x[:, rows, columns], ((0, 0), *amounts, (0, 0)), constant_values=fill)
    reach = tuple(extent(k, d) for k, d in zip(kernel, window.dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    (sh, sw), (dh, dw) = window.stride, window.dilation
    return view[:, ::sh, ::sw, :, ::dh, ::dw].transpose(0, 1, 2, 4, 5, 3)


def by_blocks(view: np.ndarray, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """``compute(view)`` for windows ``[N, out_h, out_w, ...]``, in blocks that bound its copies."""
    if view.size <= BLOCK or max(view.shape[:3]) == 1:
        return compute(view)
    axis = int(np.argmax(view.shape[:3]))
    halves = np.array_split(view, 2, axis)
    return np.concatenate([by_blocks(half, compute) for half in halves], axis)
