"""Random models of one operator with a window, other than those that networks are mostly made
of."""

from collections.abc import Mapping
from types import MappingProxyType

from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph
from accel.compiler.operators._window import same_padding
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.transpose_conv2d import TransposeConv2d
from tests.support.networks.tflite import operators
from tests.support.networks.tflite.drawn_window import Draw, drawn_window
from tests.support.networks.tflite.operators import Builder, images


def _pair(draw: Draw, most: int) -> tuple[int, int]:
    return draw(st.integers(1, most)), draw(st.integers(1, most))


@st.composite
def grouped_conv2d_graphs(draw: Draw):
    """Convolutions of which groups of output channels see a part of the input's each."""
    groups, depth = draw(st.integers(2, 3)), draw(st.integers(1, 3))
    b = Builder(draw, (1, *_pair(draw, 6), groups * depth))
    kernel, channels = _pair(draw, 3), groups * draw(st.integers(1, 3))
    window, sizes = drawn_window(draw, b.last.shape[1:3], kernel, (1, 1))
    weights = b.values((channels, *kernel, depth), "int8")
    names, q = b.linear(weights, 0, "int8", draw(st.booleans()))
    attributes = Conv2d(**window, activation=draw(b.style.activations))
    b.node("conv2d", attributes, (1, *sizes, channels), q, constants=names)
    return b.graph()


@st.composite
def transpose_conv2d_graphs(draw: Draw):
    """As they come from a convolution whose input their output is."""
    b = draw(images())
    depth = b.last.shape[3]
    channels, axes = draw(st.integers(1, 9)), []
    for size in b.last.shape[1:3]:
        kernel, stride, same = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.booleans())
        axes.append((kernel, stride, size, same))
    same = axes[0][3]
    sizes = [n * s if same else (n - 1) * s + max(k, s) for k, s, n, _ in axes]
    padding = [
        same_padding(size, k, s, 1)[0] if same else 0
        for size, (k, s, _, _) in zip(sizes, axes, strict=True)
    ]
    weights = b.values((channels, axes[0][0], axes[1][0], depth), "int8")
    names, q = b.linear(weights, 0, "int8", draw(st.booleans()))
    if draw(st.booleans()):
        names = names[:1]
        del b.tensors[f"bias_{len(b.nodes)}"]
    attributes = TransposeConv2d(stride=(axes[0][1], axes[1][1]), padding=tuple(padding))
    b.node("transpose_conv2d", attributes, (1, *sizes, channels), q, constants=names)
    return b.graph()


GRAPHS: Mapping[str, st.SearchStrategy[Graph]] = MappingProxyType(
    {
        "conv2d": operators.conv2d_graphs() | grouped_conv2d_graphs(),
        "transpose_conv2d": transpose_conv2d_graphs(),
    }
)
