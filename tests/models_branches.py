"""Random networks that are no chains: several inputs and outputs, residuals, pieces put together."""

from hypothesis import strategies as st

from accel.compiler.ir import Tensor
from accel.compiler.operators.add import Add
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.split import Split
from accel.compiler.operators.sub import Sub
from tests.models import TRAINED, Builder, Draw, add_conv2d, add_depthwise_conv2d
from tests.models_elementwise import codes


def any_of(b: Builder, tensors: list[Tensor]) -> Tensor:
    return tensors[b.draw(st.integers(0, len(tensors) - 1))]


def add_linear(b: Builder, live: list[Tensor]) -> None:
    b.last = any_of(b, live)
    b.draw(st.sampled_from((add_conv2d, add_depthwise_conv2d)))(b, dilated=False)
    live.append(b.last)


def add_pair(b: Builder, live: list[Tensor]) -> None:
    """A residual, or a difference or product of two branches."""
    first = any_of(b, live)
    second = any_of(b, [tensor for tensor in live if tensor.shape == first.shape])
    operator, kind = b.draw(st.sampled_from((("add", Add), ("sub", Sub), ("mul", Mul))))
    attributes = kind(activation=b.draw(b.style.activations))
    b.node(operator, attributes, first.shape, b.quantization(), inputs=(first.name, second.name))
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


STEPS = (add_linear, add_linear, add_pair, add_pair, add_scaled, add_inception, add_pieces)


@st.composite
def branching(draw: Draw):
    """A network of one or two inputs and all tensors that nothing reads as outputs."""
    shape = (1, draw(st.integers(3, 6)), draw(st.integers(3, 6)), draw(st.integers(1, 4)))
    b = Builder(draw, shape, style=TRAINED)
    live = [b.last]
    if draw(st.booleans()):
        live.append(b.input(shape, b.quantization()))
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6)):
        step(b, live)
    read = {name for node in b.nodes for name in node.inputs}
    written = [name for node in b.nodes for name in node.outputs]
    return b.graph(tuple(name for name in written if name not in read))
