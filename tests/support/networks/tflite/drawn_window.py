"""Strides, paddings and sizes of windows, as they are drawn for convolutions and pools."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from accel.compiler.operators._window import output_size, same_padding

Draw = Callable[[st.SearchStrategy], Any]

STRIDES = st.integers(1, 3)


def drawn_window(
    draw: Draw,
    image: tuple[int, int],
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    strides: st.SearchStrategy[int] = STRIDES,
) -> tuple[dict[str, Any], tuple[int, int]]:
    """Draw stride and padding; return them and the output's height and width."""
    stride = (draw(strides), draw(strides))
    axes = list(zip(image, kernel, stride, dilation, strict=True))
    valid = all((k - 1) * d + 1 <= n for n, k, _, d in axes)
    same = not valid or draw(st.booleans())
    padding = tuple(same_padding(n, k, s, d) if same else (0, 0) for n, k, s, d in axes)
    sizes = tuple(
        output_size(n, k, s, pad, d) for (n, k, s, d), pad in zip(axes, padding, strict=True)
    )
    return {"stride": stride, "padding": padding}, sizes


def pair(draw: Draw, low: int, high: int) -> tuple[int, int]:
    return draw(st.integers(low, high)), draw(st.integers(low, high))
