"""What a tensor of an ONNX file stands for while its graph is turned into ours."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....numeric.rules.float_epilogue import Coder, EpilogueStep

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant array, as the file has it."""

    data: np.ndarray

    @property
    def shape(self) -> Shape:
        return self.data.shape


@dataclass(frozen=True, eq=False)
class Dequantized:
    """A constant of integer codes, seen as real numbers ``scale * (codes - zero_point)``.

    All three arrays have the constant's shape: scale and zero point are broadcast views.
    """

    codes: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray

    @property
    def shape(self) -> Shape:
        return self.codes.shape

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> "Dequantized":
        """The same after a change of shape."""
        return Dequantized(*map(function, (self.codes, self.scale, self.zero_point)))


Addends = tuple[Constant | Dequantized, ...]  # one number, or one for each channel, each


@dataclass(frozen=True)
class Flat:
    """What a flattened tensor was: its shape in the file's order and how ours permutes it."""

    shape: Shape
    layout: Shape


@dataclass(frozen=True)
class Activation:
    """A tensor of our graph and how the file sees it.

    ``shape`` is the file's; ours is the file's tensor transposed by ``layout``. Where ``flat`` is
    set, ours still has the form that it describes, and the file flattened it to ``shape``. ``real``
    says that the file means real numbers, the codes dequantized. ``unsigned`` says that the file has
    uint8 codes, which are 128 higher than ours.
    """

    tensor: str
    shape: Shape
    layout: Shape
    real: bool
    unsigned: bool = False
    flat: Flat | None = None


@dataclass(frozen=True, eq=False)
class Pending:
    """A real result that gets its node when the file quantizes it.

    ``finish(quantizer, activation, bias)`` adds the node whose output is quantized as the quantizer
    says. ``views`` are changes of shape between the operator and its quantization, the first one
    first. ``bias`` are constants to be added, in order. ``real_form`` adds the node that computes
    real numbers instead, where there is one.

    In a network of few bits nothing is fused: ``steps`` are float32 operations that follow, and
    ``chained(coder, steps)`` adds the node that computes them all. ``numbers(steps)`` adds the one that
    computes real numbers. ``axis`` is the dimension of the channels, where there is one.
    """

    place: str
    shape: Shape
    finish: Callable[..., Activation]
    views: tuple[Callable[[Activation], Activation], ...] = ()
    activation: str = "none"
    fuses: bool = False
    bias: Addends = ()
    takes_bias: bool = False
    real_form: Callable[[], Activation] | None = None
    made: dict[Any, Activation] = field(default_factory=dict)
    steps: tuple[EpilogueStep, ...] = ()
    chained: Callable[[Coder, tuple[EpilogueStep, ...]], Activation] | None = None
    numbers: Callable[[tuple[EpilogueStep, ...]], Activation] | None = None
    axis: int | None = None

    def viewed(self, shape: Shape, view: Callable[[Activation], Activation]) -> "Pending":
        views = (*self.views, view)
        return replace(self, shape=shape, views=views, made={}, takes_bias=False, axis=None)


@dataclass(frozen=True)
class Missing:
    """A tensor that an operator in the way would have made; its faults are told already."""


Present = Constant | Dequantized | Activation | Pending
Value = Present | Missing


def identity(rank: int) -> Shape:
    return tuple(range(rank))


def channels_last(rank: int) -> Shape:
    """The order in which our graph has the dimensions of a file's ``[1, channels, ...]``."""
    return (0, *range(2, rank), 1) if rank > 2 else identity(rank)


def arranged(shape: Shape, layout: Shape) -> Shape:
    return tuple(shape[axis] for axis in layout)


def keeps_order(shape: Shape, layout: Shape) -> bool:
    """Whether a permutation moves dimensions of 1 alone, so that no value changes its place."""
    moved = [axis for axis in layout if shape[axis] > 1]
    return moved == sorted(moved)


def layout_after(shape: Shape, layout: Shape, new: Shape) -> Shape | None:
    """The layout after dimensions of 1 came or went, or None where the shape changed otherwise."""
    old_axes = [axis for axis, size in enumerate(shape) if size > 1]
    new_axes = [axis for axis, size in enumerate(new) if size > 1]
    if [shape[a] for a in old_axes] != [new[a] for a in new_axes]:
        return None
    renamed = dict(zip(old_axes, new_axes, strict=True))
    ones = [axis for axis, size in enumerate(new) if size == 1]
    return (*ones, *(renamed[axis] for axis in layout if shape[axis] > 1))


def flattens(shape: Shape, new: Shape) -> bool:
    """Whether ``new`` has all elements in one dimension."""
    return max(new, default=1) == math.prod(shape)
