"""Random ONNX networks of operators on codes that move them about, as a Hypothesis strategy.

Convolutions want channels first, reshapes take the values as they lie, transpositions and slices
come in between: whatever order of dimensions a reader chooses, every value must arrive where it
belongs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support.networks.onnx.operators import SEEDS, TYPES, Model

MAX_STEPS = 7
MAX_VALUES = 600


@dataclass
class Tensor:
    """The tensor at the end so far; ``shape`` is without the batch."""

    name: str
    shape: tuple[int, ...]
    quantization: list[str]


class Network:
    """A model that grows by one operator at a time."""

    def __init__(self, draw: Any, shape: tuple[int, ...], dtype: type) -> None:
        self.draw, self.dtype = draw, dtype
        self.model = Model(shape, dtype, np.random.default_rng(draw(SEEDS)), dtype)
        self.count = 0
        self.last = Tensor("x", shape, self.model.quantization("x", dtype))

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def move(self, operator: str, inputs: list[str], shape: tuple[int, ...], **attributes) -> None:
        """An operator that changes no code."""
        name = self.name()
        self.model.add(operator, [self.last.name, *inputs], [name], **attributes)
        self.last = Tensor(name, shape, self.last.quantization)

    def integers(self, values: list[int]) -> str:
        return self.model.constant(f"{self.name()}_list", values, np.int64)

    def weights(self, shape: tuple[int, ...]) -> list[str]:
        m, name = self.model, self.name()
        return [
            m.constant(f"{name}_w", m.codes(shape, np.int8)),
            m.constant(f"{name}_ws", np.exp(m.random.uniform(-6, -4)), np.float32),
            m.constant(f"{name}_wz", 0, np.int8),
        ]

    def quantized(self, terms: int) -> list[str]:
        """Quantization of sums of so many products of the last tensor's."""
        scale = float(self.model.constants[self.last.quantization[0]])
        return self.model.quantization(self.name(), self.dtype, scale * 0.25 * np.sqrt(terms))

    def apply(self, operator: str, inputs: list[str], y: list[str], shape, **attributes) -> None:
        """An operator on codes with a quantization of its own."""
        name = self.name()
        x = [self.last.name, *self.last.quantization]
        self.model.add(operator, [*x, *inputs, *y], [name], **attributes)
        self.last = Tensor(name, shape, y)


def _convolution(n: Network) -> None:
    channels, *size = n.last.shape
    out, kernel = n.draw(st.integers(1, 4)), [min(k, 2) for k in size]
    shape = (out, *(s - k + 1 for s, k in zip(size, kernel, strict=True)))
    w = n.weights((out, channels, *kernel))
    n.apply("QLinearConv", w, n.quantized(channels * 4), shape, kernel_shape=kernel)


def _max_pool(n: Network) -> None:
    channels, *size = n.last.shape
    kernel = [min(k, 2) for k in size]
    shape = (channels, *(s - k + 1 for s, k in zip(size, kernel, strict=True)))
    n.move("MaxPool", [], shape, kernel_shape=kernel)


def _transpose(n: Network) -> None:
    order = n.draw(st.permutations(range(len(n.last.shape))))
    shape = tuple(n.last.shape[axis] for axis in order)
    n.move("Transpose", [], shape, perm=[0, *(axis + 1 for axis in order)])


def _reshape(n: Network) -> None:
    total = int(np.prod(n.last.shape))
    rank, sizes = n.draw(st.integers(1, 3)), []
    for _ in range(rank - 1):
        rest = total // int(np.prod(sizes, dtype=int))
        sizes.append(n.draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
    shape = (*sizes, total // int(np.prod(sizes, dtype=int)))
    n.move("Reshape", [n.integers([0, *shape])], shape)


def _flatten(n: Network) -> None:
    n.move("Flatten", [], (int(np.prod(n.last.shape)),))


def _slice(n: Network) -> None:
    axis = n.draw(st.integers(0, len(n.last.shape) - 1))
    size = n.last.shape[axis]
    start = n.draw(st.integers(0, size - 1))
    step = n.draw(st.sampled_from((1, 2)))
    count = len(range(start, size, step))
    lists = [n.integers([value]) for value in (start, size, axis + 1, step)]
    shape = (*n.last.shape[:axis], count, *n.last.shape[axis + 1 :])
    n.move("Slice", lists, shape)


def _pad(n: Network) -> None:
    rank = len(n.last.shape)
    pads = [[0] + [n.draw(st.integers(0, 1)) for _ in range(rank)] for _ in range(2)]
    shape = tuple(s + a + b for s, a, b in zip(n.last.shape, pads[0][1:], pads[1][1:], strict=True))
    value = n.model.constant(f"{n.name()}_value", n.model.codes((), n.dtype))
    n.move("Pad", [n.integers([*pads[0], *pads[1]]), value], shape)


def _concatenation(n: Network) -> None:
    axis = n.draw(st.integers(0, len(n.last.shape) - 1))
    y, name = n.quantized(4), n.name()
    x = [n.last.name, *n.last.quantization]
    n.model.add("QLinearConcat", [*y, *x, *x], [name], axis=axis + 1)
    shape = (*n.last.shape[:axis], 2 * n.last.shape[axis], *n.last.shape[axis + 1 :])
    n.last = Tensor(name, shape, y)


def _sum_with_itself_moved(n: Network) -> None:
    """The sum of a tensor and its transposition, where the shapes allow for it."""
    before = n.last
    _transpose(n)
    if n.last.shape == before.shape:
        other, n.last = n.last, before
        y = n.quantized(4)
        n.apply("QLinearAdd", [other.name, *other.quantization], y, before.shape)


def _constant_product(n: Network) -> None:
    axis = n.draw(st.integers(0, len(n.last.shape) - 1))
    shape = tuple(size if a == axis else 1 for a, size in enumerate(n.last.shape))
    m, name = n.model, n.name()
    constant = m.constant(f"{name}_c", m.codes((1, *shape), n.dtype))
    other = [constant, *m.quantization(name, n.dtype, 0.02)]
    n.apply("QLinearMul", other, n.quantized(4), n.last.shape)


def _split(n: Network) -> None:
    """The second of two pieces."""
    axis = n.draw(st.integers(0, len(n.last.shape) - 1))
    size = n.last.shape[axis]
    if size < 2:
        return
    first = n.draw(st.integers(1, size - 1))
    sizes, names = n.integers([first, size - first]), [n.name(), n.name()]
    n.model.add("Split", [n.last.name, sizes], names, axis=axis + 1)
    shape = (*n.last.shape[:axis], size - first, *n.last.shape[axis + 1 :])
    n.last = Tensor(names[1], shape, n.last.quantization)


def _product(n: Network) -> None:
    depth, out = n.last.shape[-1], n.draw(st.integers(1, 5))
    shape = (*n.last.shape[:-1], out)
    n.apply("QLinearMatMul", n.weights((depth, out)), n.quantized(depth), shape)


ANY: tuple[Callable[[Network], None], ...] = (
    _transpose,
    _reshape,
    _flatten,
    _slice,
    _pad,
    _concatenation,
    _sum_with_itself_moved,
    _constant_product,
    _split,
    _product,
)
IMAGES = (_convolution, _convolution, _max_pool)


@st.composite
def networks(draw: Any) -> Model:
    size = tuple(draw(st.integers(1, 5)) for _ in range(draw(st.sampled_from((2, 3, 3, 3)))))
    n = Network(draw, size, draw(TYPES))
    for _ in range(draw(st.integers(1, MAX_STEPS))):
        image = len(n.last.shape) in (2, 3)
        step = draw(st.sampled_from((*ANY, *IMAGES) if image else ANY))
        if np.prod(n.last.shape) <= MAX_VALUES:
            step(n)
    # Whatever the last tensor is, it goes out under the name of the output.
    n.model.add("Identity", [n.last.name], ["y"])
    return n.model
