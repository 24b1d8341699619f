"""Random networks as people train them: 3 to 12 layers with branches, joins and an end.

Layers are the steps of `models_branches.CORE_STEPS`, so that an operator that comes to the core and
there comes into these networks too, and those of `LAYERS`, which need one tensor alone.
"""

from collections.abc import Callable

from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph, Tensor
from accel.compiler.operators.add import Add
from accel.compiler.operators.arg_max import ArgMax
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.hard_swish import HardSwish
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.pad import Pad
from accel.compiler.operators.quantize import Quantize
from accel.compiler.operators.relu import Relu
from tests.support.networks.tflite import operators
from tests.support.networks.tflite.branches import CORE_STEPS, any_of, of_a_sum
from tests.support.networks.tflite.drawn_window import Draw, drawn_window
from tests.support.networks.tflite.operators import TRAINED, Builder

LEAST, MOST = 3, 12  # layers
STEP, END = 3, 4  # layers that one step, and the end, may have
LARGEST = 1200  # elements of a tensor, so that hundreds of networks are quick
DEEPEST = 24  # channels

Live = list[Tensor]
Step = Callable[[Builder, Live], None]


def one(add: Callable[[Builder], None]) -> Step:
    """The step of a layer that reads one image."""

    def step(b: Builder, live: Live) -> None:
        b.last = any_of(b, live)
        add(b)
        live.append(b.last)

    return step


def add_1d(b: Builder) -> None:
    """A convolution along the width, which is how TFLite spells CONV_1D."""
    _, height, width, depth = b.last.shape
    kernel, channels = b.draw(st.integers(1, min(4, width))), b.draw(st.integers(1, 9))
    dilation = (1, b.draw(st.integers(1, 2)))
    window, sizes = drawn_window(b.draw, (height, width), (1, kernel), dilation)
    names, q = b.linear(b.values((channels, 1, kernel, depth), "int8"), 0, "int8", True)
    attributes = Conv2d(**window, dilation=dilation, activation=b.draw(b.style.activations))
    b.node("conv2d", attributes, (1, *sizes, channels), q, constants=names)


def add_pad(b: Builder) -> None:
    """Around the image: in height and width, as a rule with zero."""
    amounts = ((0, 0), *((b.draw(st.integers(0, 2)), b.draw(st.integers(0, 2))) for _ in "hw"))
    amounts = (*amounts, (0, 0))
    shape = tuple(n + sum(pair) for n, pair in zip(b.last.shape, amounts, strict=True))
    zero = b.last.quantization.zero_point[0]
    value = b.draw(st.sampled_from((zero, zero, zero, -128, 7)))
    b.node("pad", Pad(amounts=amounts, value=value), shape, b.last.quantization)


def add_mean(b: Builder) -> None:
    axes = b.draw(st.sampled_from(((1, 2), (1,), (2,))))
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(b.last.shape))
    b.node("mean", ReduceMean(axes=axes, keep=True), shape, b.last.quantization)


def add_relu(b: Builder) -> None:
    b.node("relu", Relu(activation="relu6"), b.last.shape, b.last.quantization, source="RELU6")


def add_hard_swish(b: Builder) -> None:
    """Of scales that TFLite Micro's numbers have room for; else a change of the scale."""
    if not 2**-20 <= b.last.quantization.scale[0] <= 2**6:
        add_requantized(b)
        return
    b.node("hard_swish", HardSwish(), b.last.shape, of_a_sum(b, b.last, b.last))


def add_requantized(b: Builder) -> None:
    b.node("quantize", Quantize(), b.last.shape, of_a_sum(b, b.last, b.last))


def add_dense(b: Builder) -> None:
    """A fully connected layer at each position."""
    channels, depth = b.draw(st.integers(1, 9)), b.last.shape[-1]
    names, q = b.linear(b.values((channels, depth), "int8"), 0, "int8", False)
    attributes = operators.FullyConnected(activation=b.draw(b.style.activations))
    b.node("fully_connected", attributes, (*b.last.shape[:-1], channels), q, constants=names)


# Each as often as it is to be drawn beside the steps of `CORE_STEPS`.
LAYERS: tuple[Callable[[Builder], None], ...] = (
    *(operators.add_conv2d,) * 4,
    *(add_1d,) * 2,
    *(operators.add_depthwise_conv2d,) * 3,
    *(add_pad,) * 2,
    *(operators.add_average_pool2d,) * 2,
    add_dense,
    add_mean,
    add_relu,
    add_hard_swish,
    add_requantized,
)
SINGLE: tuple[Step, ...] = tuple(map(one, LAYERS))
STEPS: tuple[Step, ...] = (*CORE_STEPS, *SINGLE)


def small(tensor: Tensor) -> bool:
    return tensor.size <= LARGEST and tensor.shape[-1] <= DEEPEST


def add_classifier(b: Builder) -> None:
    """From an image to classes: pooled or as it is, flattened, fully connected, softmax."""
    kind = b.draw(st.sampled_from(("mean", "pool", "whole")))
    if kind == "mean":
        shape = (1, b.last.shape[-1])
        b.node("mean", ReduceMean(axes=(1, 2), keep=False), shape, b.last.quantization)
    else:
        if kind == "pool":
            operators.add_average_pool2d(b, whole=True)
        operators.add_reshape(b)
    operators.add_fully_connected(b)
    if b.draw(st.booleans()):
        operators.add_softmax(b)
    elif b.draw(st.integers(0, 3)) == 0:
        b.node("arg_max", ArgMax(axis=1), (1,), None, "int32")


@st.composite
def networks(draw: Draw, least: int = LEAST, most: int = MOST):
    """A network of ``least`` to ``most`` operators, with all that nothing reads as outputs."""
    side = st.integers(3, 9)
    height = draw(st.sampled_from((1, 0, 0, 0))) or draw(side)
    shape = (1, height, draw(side), draw(st.integers(1, 5)))
    b = Builder(draw, shape, style=TRAINED)
    live = [b.last]
    if draw(st.integers(0, 3)) == 0:
        live.append(b.input(shape, b.quantization()))
        names, q = (live[0].name, live[1].name), of_a_sum(b, *live)
        b.node("add", Add(), shape, q, inputs=names)
        live.append(b.last)
    ends = draw(st.booleans())
    after = END if ends else 0
    layers = max(1, draw(st.integers(least, most)) - after)
    while len(b.nodes) < layers:
        fitting = STEPS if len(b.nodes) + STEP + after <= most else SINGLE
        draw(st.sampled_from(fitting))(b, live)
        live = [tensor for tensor in live if small(tensor)] or [b.tensors["input"]]
    if ends:
        b.last = live[-1]
        add_classifier(b)
    read = {name for node in b.nodes for name in node.inputs}
    written = [name for node in b.nodes for name in node.outputs]
    # Not verified here: what our checks refuse of it is to be counted.
    return Graph(
        name="random",
        tensors=dict(b.tensors),
        nodes=tuple(b.nodes),
        inputs=tuple(b.inputs),
        outputs=tuple(name for name in written if name not in read),
    )
