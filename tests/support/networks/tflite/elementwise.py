"""Random models of one operator on single codes or on pairs of them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph, Quantization
from accel.compiler.operators.abs import Abs
from accel.compiler.operators.add import Add
from accel.compiler.operators.elu import Elu
from accel.compiler.operators.hard_swish import HardSwish
from accel.compiler.operators.leaky_relu import LeakyRelu
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.minimum import Minimum
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.prelu import Prelu
from accel.compiler.operators.relu import Relu
from accel.compiler.operators.rsqrt import Rsqrt
from accel.compiler.operators.sub import Sub
from accel.compiler.operators.tanh import Tanh
from tests.support.networks.tflite.drawn_window import Draw
from tests.support.networks.tflite.operators import WILD, Builder, per_tensor

FINE_SCALES = st.floats(2**-14, 4.0, width=32) | st.floats(2**-7, 2**-3, width=32)


def any_shape(draw: Draw, least: int = 1) -> tuple[int, ...]:
    rank = draw(st.integers(least, 4))
    return (1, *(draw(st.integers(1, 5)) for _ in range(rank - 1)))


def drawn(b: Builder) -> Quantization:
    return b.quantization()


def as_before(b: Builder) -> Quantization:
    return b.last.quantization


def similar(b: Builder) -> Quantization:
    """A scale that hard-swish takes: not below a 128th of the input's."""
    ratio = b.draw(st.floats(2**-6, 64.0))
    return per_tensor(b.last.quantization.scale[0] * ratio, b.draw(b.style.zero_points))


@st.composite
def unary_graphs(
    draw: Draw,
    operator: str,
    attributes: Callable[[Draw], Any],
    output: Callable[[Builder], Quantization],
    sources: tuple[str, ...] = ("",),
    scales: st.SearchStrategy[float] | None = None,
    zero_points: st.SearchStrategy[int] = WILD.zero_points,
):
    q = None if scales is None else per_tensor(draw(scales), draw(zero_points))
    b = Builder(draw, any_shape(draw), q=q)
    b.node(
        operator, attributes(draw), b.last.shape, output(b), source=draw(st.sampled_from(sources))
    )
    return b.graph()


@st.composite
def relu6_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw))
    relu6 = Relu(activation="relu6", rescales=False)
    b.node("relu", relu6, b.last.shape, b.last.quantization, source="RELU6")
    return b.graph()


@st.composite
def prelu_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw))
    shape = b.last.shape
    one = (1,) * len(shape)
    alpha = draw(st.sampled_from(((1,), (shape[-1],), one, (*one[1:], shape[-1]))))
    name = b.constant("alpha", codes(b, alpha), "int8", b.quantization())
    b.node("prelu", Prelu(), shape, b.quantization(), constants=(name,))
    return b.graph()


def codes(b: Builder, shape: tuple[int, ...]) -> np.ndarray:
    return b.random.integers(-128, 128, shape).astype(np.int8)


@st.composite
def binary_graphs(
    draw: Draw, operator: str, attributes: Callable[[Builder], Any], alike: bool = False
):
    """Two activations or one and a constant, of one shape or broadcast, in either order."""
    b = Builder(draw, any_shape(draw))
    first, shape = b.last, b.last.shape
    q = first.quantization if alike else b.quantization()
    kind = draw(st.sampled_from(("twice", "activation", "constant")))
    if kind == "twice":
        second = first.name
    elif kind == "constant":
        by_channel = (shape[-1],)
        options = (shape, by_channel, (1,), (), (1,) * (len(shape) - 1) + by_channel)
        second = b.constant("constant", codes(b, draw(st.sampled_from(options))), "int8", q)
    else:
        fewer = tuple(draw(st.sampled_from((n, 1))) for n in shape[1:])
        other = (1, *fewer[draw(st.integers(0, len(fewer))) :])
        second = b.input(other, q).name
    inputs = draw(st.permutations((first.name, second)))
    output = first.quantization if alike else b.quantization()
    b.node(operator, attributes(b), shape, output, inputs=tuple(inputs))
    return b.graph()


@st.composite
def all_pairs(draw: Draw, operator: str, attributes: Callable[[Builder], Any], alike: bool = False):
    """A model whose output has every pair of codes, if its inputs have every code."""
    b = Builder(draw, (1, 256, 1))
    first = b.last
    q = first.quantization if alike else b.quantization()
    second = b.input((1, 1, 256), q)
    output = q if alike else b.quantization()
    b.node(operator, attributes(b), (1, 256, 256), output, inputs=(first.name, second.name))
    return b.graph()


def _fused(attributes: type) -> Callable[[Builder], Any]:
    return lambda b: attributes(activation=b.draw(b.style.activations))


BINARY: Mapping[str, tuple[Callable[[Builder], Any], bool]] = MappingProxyType(
    {
        "add": (_fused(Add), False),
        "sub": (_fused(Sub), False),
        "mul": (_fused(Mul), False),
        "minimum": (lambda b: Minimum(), True),
        "maximum": (lambda b: Maximum(), True),
    }
)

ALPHAS = st.sampled_from((0.0, 0.25, 1.0)) | st.floats(0.0, 3.0, width=32)

GRAPHS: Mapping[str, st.SearchStrategy[Graph]] = MappingProxyType(
    {
        **{name: binary_graphs(name, *row) for name, row in BINARY.items()},
        "relu": relu6_graphs()
        | unary_graphs("relu", lambda draw: Relu(activation="relu"), drawn, ("RELU",)),
        "prelu": prelu_graphs(),
        "leaky_relu": unary_graphs("leaky_relu", lambda draw: LeakyRelu(alpha=draw(ALPHAS)), drawn),
        "logistic": unary_graphs(
            "logistic",
            lambda _: Logistic(),
            lambda _: per_tensor(1 / 256, -128),
            scales=FINE_SCALES,
        ),
        "tanh": unary_graphs(
            "tanh", lambda _: Tanh(), lambda _: per_tensor(1 / 128, 0), scales=FINE_SCALES
        ),
        "hard_swish": unary_graphs("hard_swish", lambda _: HardSwish(), similar),
        "elu": unary_graphs("elu", lambda _: Elu(), drawn),
        "rsqrt": unary_graphs(  # of no number below 0, which ends the oracle's inference
            "rsqrt", lambda _: Rsqrt(), drawn, scales=FINE_SCALES, zero_points=st.just(-128)
        ),
        "abs": unary_graphs("abs", lambda _: Abs(), drawn)
        | unary_graphs("abs", lambda _: Abs(), as_before),
    }
)
