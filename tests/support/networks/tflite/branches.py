"""Random networks that are no chains: several inputs and outputs, residuals, pieces put
together."""

from hypothesis import strategies as st

from accel.compiler.ir.graph import Quantization, Tensor
from accel.compiler.operators.abs import Abs
from accel.compiler.operators.add import Add
from accel.compiler.operators.arg_max import ArgMax
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depth_to_space import DepthToSpace
from accel.compiler.operators.elu import Elu
from accel.compiler.operators.leaky_relu import LeakyRelu
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.minimum import Minimum
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.prelu import Prelu
from accel.compiler.operators.resize_nearest import ResizeNearest
from accel.compiler.operators.slice import Slice
from accel.compiler.operators.space_to_depth import SpaceToDepth
from accel.compiler.operators.split import Split
from accel.compiler.operators.sub import Sub
from accel.compiler.operators.tanh import Tanh
from accel.compiler.operators.transpose import Transpose
from accel.compiler.operators.transpose_conv2d import TransposeConv2d
from tests.support.networks.tflite.drawn_window import Draw, drawn_window
from tests.support.networks.tflite.elementwise import codes
from tests.support.networks.tflite.operators import (
    TRAINED,
    Builder,
    add_conv2d,
    add_depthwise_conv2d,
    per_tensor,
)


def any_of(b: Builder, tensors: list[Tensor]) -> Tensor:
    """One of them, as often as not the last."""
    last = len(tensors) - 1
    return tensors[min(b.draw(st.integers(0, 2 * last + 1)), last)]


def add_linear(b: Builder, live: list[Tensor]) -> None:
    b.last = any_of(b, live)
    b.draw(st.sampled_from((add_conv2d, add_depthwise_conv2d)))(b, dilated=False)
    live.append(b.last)


def of_a_sum(b: Builder, first: Tensor, second: Tensor) -> Quantization:
    largest = max(first.quantization.scale[0], second.quantization.scale[0])
    return per_tensor(largest * b.draw(st.floats(0.25, 2)), b.draw(b.style.zero_points))


def add_pair(b: Builder, live: list[Tensor], kinds=(("add", Add), ("sub", Sub), ("mul", Mul))):
    """A residual, or a difference or product of two branches."""
    first = any_of(b, live)
    second = any_of(b, [tensor for tensor in live if tensor.shape == first.shape])
    operator, kind = b.draw(st.sampled_from(kinds))
    attributes = kind(activation=b.draw(b.style.activations))
    q = b.quantization() if operator == "mul" else of_a_sum(b, first, second)
    b.node(operator, attributes, first.shape, q, inputs=(first.name, second.name))
    live.append(b.last)


def add_scaled(b: Builder, live: list[Tensor]) -> None:
    """A product with a constant for each channel."""
    b.last = any_of(b, live)
    factors = b.constant("factors", codes(b, b.last.shape[-1:]), "int8", b.quantization())
    b.node("mul", Mul(), b.last.shape, b.quantization(), constants=(factors,))
    live.append(b.last)


def add_inception(b: Builder, live: list[Tensor]) -> None:
    """A tensor next to its own maxima."""
    source = b.last = any_of(b, live)
    pool = MaxPool2d(size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))
    b.node("max_pool2d", pool, source.shape, source.quantization)
    names = (source.name, b.last.name)
    shape = (*source.shape[:-1], 2 * source.shape[-1])
    b.node("concatenation", Concatenation(axis=3), shape, source.quantization, inputs=names)
    live.append(b.last)


def add_pieces(b: Builder, live: list[Tensor]) -> None:
    source = any_of(b, [tensor for tensor in live if tensor.shape[-1] % 2 == 0] or live)
    channels, pieces = source.shape[-1], []
    sizes = (channels // 2,) * 2 if channels % 2 == 0 else (channels,)
    for index, size in enumerate(sizes):
        name, shape = f"piece_{len(b.nodes)}_{index}", (*source.shape[:-1], size)
        tensor = Tensor(name=name, shape=shape, dtype="int8", quantization=source.quantization)
        pieces.append(b.add(tensor))
    outputs = tuple(tensor.name for tensor in pieces)
    b.many("split", Split(axis=3, sizes=sizes), (source.name,), outputs)
    live.extend(pieces)


def add_sum(b: Builder, live: list[Tensor]) -> None:
    add_pair(b, live, (("add", Add), ("sub", Sub)))


def add_residual(b: Builder, live: list[Tensor]) -> None:
    """A tensor plus what one or two convolutions make of it."""
    source = b.last = any_of(b, live)
    depth = source.shape[-1]
    for _ in range(b.draw(st.integers(1, 2))):
        names, q = b.linear(b.values((depth, 3, 3, depth), "int8"), 0, "int8", True)
        same = ((1, 1), (1, 1))
        attributes = Conv2d(padding=same, activation=b.draw(b.style.activations))
        b.node("conv2d", attributes, source.shape, q, constants=names)
    names = b.draw(st.permutations((source.name, b.last.name)))
    attributes = Add(activation=b.draw(b.style.activations))
    q = of_a_sum(b, source, b.last)
    b.node("add", attributes, source.shape, q, inputs=tuple(names))
    live.append(b.last)


def add_repeated(b: Builder, live: list[Tensor]) -> None:
    """A tensor plus its own mean along some dimensions."""
    source = b.last = any_of(b, live)
    axes = b.draw(st.sampled_from(((1, 2), (3,), (1,), (2,))))
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(source.shape))
    b.node("mean", ReduceMean(axes=axes, keep=True), shape, source.quantization)
    names = b.draw(st.permutations((source.name, b.last.name)))
    q = of_a_sum(b, source, b.last)
    b.node("add", Add(), source.shape, q, inputs=tuple(names))
    live.append(b.last)


def add_product(b: Builder, live: list[Tensor]) -> None:
    add_pair(b, live, (("mul", Mul),))


def add_gate(b: Builder, live: list[Tensor]) -> None:
    """A tensor times a number between 0 and 1 for each channel, as in squeeze and excitation."""
    source = b.last = any_of(b, live)
    shape = (1, 1, 1, source.shape[-1])
    b.node("mean", ReduceMean(axes=(1, 2), keep=True), shape, source.quantization)
    b.node("logistic", Logistic(), shape, per_tensor(1 / 256, -128))
    names = b.draw(st.permutations((source.name, b.last.name)))
    b.node("mul", Mul(), source.shape, source.quantization, inputs=tuple(names))
    live.append(b.last)


def add_slopes(b: Builder, live: list[Tensor]) -> None:
    """A rectifier with a slope for each channel."""
    b.last = any_of(b, live)
    q = per_tensor(1 / b.draw(st.sampled_from((64, 127))), 0)
    slopes = b.constant("slopes", codes(b, b.last.shape[-1:]), "int8", q)
    b.node("prelu", Prelu(), b.last.shape, b.last.quantization, constants=(slopes,))
    live.append(b.last)


def add_wider(b: Builder, live: list[Tensor]) -> None:
    """An image of twice the size: repeated, or by a transposed convolution."""
    b.last = any_of(b, [tensor for tensor in live if max(tensor.shape[1:3]) <= 6] or live)
    _, height, width, depth = b.last.shape
    if b.draw(st.booleans()):
        shape = (1, 2 * height, 2 * width, depth)
        b.node("resize_nearest", ResizeNearest(), shape, b.last.quantization)
    else:
        channels = b.draw(st.integers(1, 6))
        names, q = b.linear(b.values((channels, 3, 2, depth), "int8"), 0, "int8", True)
        attributes = TransposeConv2d(stride=(2, 2))
        shape = (1, 2 * height + 1, 2 * width, channels)
        b.node("transpose_conv2d", attributes, shape, q, constants=names)
    live.append(b.last)


def add_squares(b: Builder, live: list[Tensor]) -> None:
    """Squares of positions to channels, of what has an even size, or back."""
    b.last = any_of(b, [t for t in live if t.shape[1] % 2 == t.shape[2] % 2 == 0] or live)
    _, height, width, depth = b.last.shape
    block = 2 if height % 2 == width % 2 == 0 else 1
    shape, q = (1, height // block, width // block, depth * block**2), b.last.quantization
    b.node("space_to_depth", SpaceToDepth(block=block), shape, q)
    if b.draw(st.booleans()):
        b.node("depth_to_space", DepthToSpace(block=block), (1, height, width, depth), q)
    live.append(b.last)


def add_index(b: Builder, live: list[Tensor]) -> None:
    """Where the greatest or smallest channel is, which nothing reads."""
    source, smallest = any_of(b, live), b.draw(st.booleans())
    attributes, spelled = ArgMax(axis=3, smallest=smallest), "ARG_MIN" if smallest else "ARG_MAX"
    shape, names = source.shape[:-1], (source.name,)
    b.node("arg_max", attributes, shape, None, "int32", inputs=names, source=spelled)


def add_transpose(b: Builder, live: list[Tensor]) -> None:
    b.last = any_of(b, live)
    order = (0, *b.draw(st.permutations((1, 2, 3))))
    shape = tuple(b.last.shape[axis] for axis in order)
    b.node("transpose", Transpose(order=order), shape, b.last.quantization)
    live.append(b.last)


def add_function(b: Builder, live: list[Tensor]) -> None:
    """A function of one code that is no clamp, with a shape of its own."""
    b.last = any_of(b, live)
    q = b.quantization()
    operator, attributes, q = b.draw(
        st.sampled_from(
            (
                ("logistic", Logistic(), per_tensor(1 / 256, -128)),
                ("tanh", Tanh(), per_tensor(1 / 128, 0)),
                ("leaky_relu", LeakyRelu(alpha=0.25), q),
                ("abs", Abs(), q),
                ("elu", Elu(), q),
            )
        )
    )
    b.node(operator, attributes, b.last.shape, q)
    live.append(b.last)


def add_max_pool(b: Builder, live: list[Tensor]) -> None:
    b.last = any_of(b, live)
    height, width, depth = b.last.shape[1:]
    size = (b.draw(st.integers(1, min(3, height))), b.draw(st.integers(1, min(3, width))))
    window, sizes = drawn_window(b.draw, (height, width), size, (1, 1))
    pool = MaxPool2d(size=size, activation=b.draw(b.style.activations), **window)
    b.node("max_pool2d", pool, (1, *sizes, depth), b.last.quantization)
    live.append(b.last)


def alike(one: Tensor, live: list[Tensor]) -> list[Tensor]:
    """Those of the same quantization."""
    return [tensor for tensor in live if tensor.quantization == one.quantization]


def add_maximum(b: Builder, live: list[Tensor]) -> None:
    first = any_of(b, live)
    second = any_of(b, [t for t in alike(first, live) if t.shape == first.shape])
    names = (first.name, second.name)
    operator, kind = b.draw(st.sampled_from((("maximum", Maximum), ("minimum", Minimum))))
    b.node(operator, kind(), first.shape, first.quantization, inputs=names)
    live.append(b.last)


def add_join(b: Builder, live: list[Tensor]) -> None:
    """Tensors side by side along an axis, one of them more than once at times."""
    first, axis = any_of(b, live), b.draw(st.integers(1, 3))

    def rest(tensor: Tensor) -> tuple[int, ...]:
        return (*tensor.shape[:axis], *tensor.shape[axis + 1 :])

    fitting = [tensor for tensor in alike(first, live) if rest(tensor) == rest(first)]
    parts = [first, *(any_of(b, fitting) for _ in range(b.draw(st.integers(1, 2))))]
    total = sum(tensor.shape[axis] for tensor in parts)
    shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
    names = tuple(tensor.name for tensor in parts)
    b.node("concatenation", Concatenation(axis=axis), shape, first.quantization, inputs=names)
    live.append(b.last)


def add_slice(b: Builder, live: list[Tensor]) -> None:
    """A part of height, width and channels, in steps."""
    b.last = any_of(b, live)
    starts, sizes, steps = [0], [1], [1]
    for size in b.last.shape[1:]:
        starts.append(b.draw(st.integers(0, (size - 1) // 2)))
        step = b.draw(st.sampled_from((1, 1, 2)))
        sizes.append(b.draw(st.integers(1, (size - 1 - starts[-1]) // step + 1)))
        steps.append(1 if sizes[-1] == 1 else step)
    attributes = Slice(starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))
    spelled = "STRIDED_SLICE"
    b.node("slice", attributes, tuple(sizes), b.last.quantization, source=spelled)
    live.append(b.last)


STEPS = (add_linear, add_linear, add_pair, add_pair, add_scaled, add_inception, add_pieces)
CORE_STEPS = (
    *(add_linear,) * 4,
    *(add_sum,) * 2,
    *(add_residual,) * 3,
    add_function,
    add_max_pool,
    add_maximum,
    add_inception,
    add_join,
    add_join,
    add_pieces,
    add_slice,
    add_repeated,
    add_transpose,
    add_scaled,
    add_product,
    add_gate,
    add_slopes,
    add_wider,
    add_squares,
    add_index,
)


@st.composite
def branching(draw: Draw, steps=STEPS):
    """A network of one or two inputs and all tensors that nothing reads as outputs."""
    shape = (1, draw(st.integers(3, 6)), draw(st.integers(3, 6)), draw(st.integers(1, 4)))
    b = Builder(draw, shape, style=TRAINED)
    live = [b.last]
    if draw(st.booleans()):
        live.append(b.input(shape, b.quantization()))
    for step in draw(st.lists(st.sampled_from(steps), min_size=2, max_size=6)):
        step(b, live)
    read = {name for node in b.nodes for name in node.inputs}
    written = [name for node in b.nodes for name in node.outputs]
    return b.graph(tuple(name for name in written if name not in read))
