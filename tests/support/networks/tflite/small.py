"""Random networks of small layers for an array: sizes of one, and around the array's rows and
columns.

What only a layer of one tile, one run, one column or one channel reaches is drawn often: strides of
2, single rows and columns of positions, windows of one tap, few outputs.
"""

from collections.abc import Callable

from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.batch_matmul import BatchMatmul
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.slice import Slice
from accel.config import AcceleratorConfig
from tests.support.networks.tflite import branches, operators, typical
from tests.support.networks.tflite.drawn_window import Draw, drawn_window
from tests.support.networks.tflite.operators import TRAINED, Builder, per_tensor

LARGEST = 1500  # elements of a tensor
MOST_STEPS = 4
WIDEST = 70  # channels

Step = Callable[[Builder, "Sizes"], None]


class Sizes:
    """What sizes are drawn from for an array, and the type of its weights."""

    def __init__(self, config: AcceleratorConfig):
        rows, columns = config.rows, config.columns
        around = (rows - 1, rows, rows + 1, 2 * rows - 1, 2 * rows, 2 * rows + 1)
        self.extents = st.sampled_from((1, 1, 2, 3, *(max(1, min(n, 40)) for n in around)))
        around = (rows, rows + 1, columns - 1, columns, columns + 1, 2 * rows)
        self.channels = st.sampled_from((1, 1, 2, 3, *(max(1, min(n, WIDEST)) for n in around)))
        self.dtype = "int4" if config.number_format.weight_bits == 4 else "int8"

    def image(self, draw: Draw) -> tuple[int, int]:
        """Height and width: a point, a row, a column, or more."""
        kind = draw(st.sampled_from(("point", "row", "column", "few", "more", "more")))
        if kind in ("few", "more"):
            return tuple(draw(st.integers(2, 4) if kind == "few" else self.extents) for _ in "hw")
        length = 1 if kind == "point" else draw(self.extents)
        return (1, length) if kind == "row" else (length, 1)


def _window(b: Builder, most: int = 3) -> tuple[tuple[int, int], dict, tuple[int, int]]:
    """Size, the attributes of a window, and the output's height and width."""
    image = b.last.shape[1:3]
    size = tuple(min(n, b.draw(st.sampled_from((1, 1, 2, 2, most)))) for n in image)
    window, sizes = drawn_window(b.draw, image, size, (1, 1))
    return size, window, sizes


def add_conv2d(b: Builder, sizes: Sizes) -> None:
    kernel, window, image = _window(b)
    channels = b.draw(sizes.channels)
    weights = b.values((channels, *kernel, b.last.shape[3]), sizes.dtype)
    names, q = b.linear(weights, 0, sizes.dtype, True)
    attributes = Conv2d(**window, activation=b.draw(b.style.activations))
    b.node("conv2d", attributes, (1, *image, channels), q, constants=names)


def add_depthwise_conv2d(b: Builder, sizes: Sizes) -> None:
    kernel, window, image = _window(b)
    depth, multiplier = b.last.shape[3], b.draw(st.sampled_from((1, 1, 1, 2)))
    weights = b.values((1, *kernel, depth * multiplier), sizes.dtype)
    names, q = b.linear(weights, 3, sizes.dtype, True)
    attributes = DepthwiseConv2d(
        **window, multiplier=multiplier, activation=b.draw(b.style.activations)
    )
    b.node("depthwise_conv2d", attributes, (1, *image, depth * multiplier), q, constants=names)


def add_pool(b: Builder, sizes: Sizes) -> None:
    size, window, image = _window(b)
    operator, kind = b.draw(
        st.sampled_from((("max_pool2d", MaxPool2d), ("average_pool2d", AveragePool2d)))
    )
    attributes = kind(size=size, activation=b.draw(b.style.activations), **window)
    b.node(operator, attributes, (1, *image, b.last.shape[3]), b.last.quantization)


def add_slice(b: Builder, sizes: Sizes) -> None:
    """Every position, every other one or every third, from one of the first on."""
    starts, counts, steps = [0], [1], [1]
    for axis, size in enumerate(b.last.shape[1:], 1):
        start = b.draw(st.integers(0, min(2, size - 1)))
        step = b.draw(st.sampled_from((1, 2, 2, 3))) if axis < 3 else 1
        most = (size - 1 - start) // step + 1
        count = b.draw(st.sampled_from((1, most, most)))
        starts.append(start)
        counts.append(count)
        steps.append(1 if count == 1 else step)
    attributes = Slice(starts=tuple(starts), sizes=tuple(counts), steps=tuple(steps))
    b.node("slice", attributes, tuple(counts), b.last.quantization, source="STRIDED_SLICE")


def add_fully_connected(b: Builder, sizes: Sizes) -> None:
    """Of each position."""
    channels, depth = b.draw(sizes.channels), b.last.shape[-1]
    names, q = b.linear(b.values((channels, depth), sizes.dtype), 0, sizes.dtype, False)
    attributes = FullyConnected(activation=b.draw(b.style.activations))
    b.node("fully_connected", attributes, (*b.last.shape[:-1], channels), q, constants=names)


def add_product(b: Builder, sizes: Sizes) -> None:
    """Of the matrices of the last two dimensions with themselves, of which one is transposed."""
    first, (*before, rows, columns) = b.draw(st.booleans()), b.last.shape
    side, depth = (columns, rows) if first else (rows, columns)
    scale = b.last.quantization.scale[0] ** 2 * 2000 * depth**0.5 / 40
    q = per_tensor(scale * b.draw(st.sampled_from((0.25, 1.0, 4.0))), b.draw(b.style.zero_points))
    attributes = BatchMatmul(transpose_first=first, transpose_second=not first)
    both = (b.last.name, b.last.name)
    b.node("batch_matmul", attributes, (*before, side, side), q, inputs=both)


SMALL: tuple[Step, ...] = (
    *(add_conv2d,) * 2,
    *(add_depthwise_conv2d,) * 3,
    *(add_pool,) * 3,
    *(add_slice,) * 2,
    add_fully_connected,
    add_product,
)
WEIGHTED = (
    branches.add_linear,
    branches.add_residual,
    branches.add_wider,
    branches.add_scaled,
    branches.add_slopes,
)
BRANCHING = tuple(dict.fromkeys(branches.CORE_STEPS))
SIMPLE = tuple(
    typical.one(add)
    for add in (
        typical.add_pad,
        typical.add_mean,
        typical.add_relu,
        typical.add_hard_swish,
        typical.add_requantized,
    )
)


@st.composite
def small_networks(draw: Draw, config: AcceleratorConfig) -> Graph:
    """A network of one to a few layers for a core, with all that nothing reads as outputs."""
    sizes = Sizes(config)
    b = Builder(draw, (1, *sizes.image(draw), draw(sizes.channels)), style=TRAINED)
    live = [b.last]
    others = (*BRANCHING, *SIMPLE)
    if sizes.dtype != "int8":
        others = tuple(step for step in others if step not in WEIGHTED)
    for _ in range(draw(st.integers(1, MOST_STEPS))):
        if draw(st.integers(0, 2)):
            b.last = branches.any_of(b, live)
            draw(st.sampled_from(SMALL))(b, sizes)
            live.append(b.last)
        else:
            draw(st.sampled_from(others))(b, live)
        live = [t for t in live if t.size <= LARGEST and t.shape[-1] <= 2 * WIDEST]
        live = live or [b.tensors["input"]]
    if draw(st.integers(0, 4)) == 0:
        b.last = live[-1]
        operators.add_reshape(b)
        add_fully_connected(b, sizes)
    read = {name for node in b.nodes for name in node.inputs}
    written = [name for node in b.nodes for name in node.outputs]
    return Graph(
        name="small",
        tensors=dict(b.tensors),
        nodes=tuple(b.nodes),
        inputs=tuple(b.inputs),
        outputs=tuple(name for name in written if name not in read),
    )
