"""What is known of a tensor of an ONNX file while the file is being read."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....numeric.rules.float_epilogue import Coder, EpilogueStep
from ...operators._activation import FusedActivation

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
    ``four_bits`` says that the file has codes of 4 bits, ``by_channel`` that it has scales, which
    may be equal, along an axis.
    """

    codes: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray
    four_bits: bool = False
    by_channel: bool = False

    @property
    def shape(self) -> Shape:
        return self.codes.shape

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> "Dequantized":
        """The same after a change of shape."""
        codes, scale, zero_point = map(function, (self.codes, self.scale, self.zero_point))
        return replace(self, codes=codes, scale=scale, zero_point=zero_point)


Addends = tuple[Constant | Dequantized, ...]  # each is one number, or one for each channel


@dataclass(frozen=True)
class Flat:
    """What a tensor was before the file flattened it: its shape there, and the layout of ours."""

    shape: Shape
    layout: Shape


@dataclass(frozen=True)
class Activation:
    """A tensor of our graph and how the file sees it.

    ``shape`` is the file's; ours is the file's tensor transposed by ``layout``. Where ``flat`` is
    set, the file flattened the tensor to ``shape``, and ours still has the shape and layout from
    before. ``real`` says that the tensor stands for real numbers: the codes after a
    DequantizeLinear. ``unsigned`` says that the file has uint8 codes, 128 above ours.
    """

    tensor: str
    shape: Shape
    layout: Shape
    real: bool
    unsigned: bool = False
    flat: Flat | None = None


@dataclass(frozen=True, eq=False)
class Pending:
    """The real result of an operator whose node is not made yet.

    In a file, an operator has a float32 result, and a QuantizeLinear after it says how to make
    codes of it. Our node computes the codes at once, so it can be made only when the
    QuantizeLinear is read. Until then the result is pending, and collects what the file does to
    it:

    ``views`` are changes of shape, in order; ``activation`` is a clamp, which an operator that
    ``fuses`` takes; ``bias`` are constants that were added, in order, which one that
    ``takes_bias`` takes. ``finish(quantizer, activation, bias)`` then adds the node; ``made``
    keeps its output for each quantizer. ``to_real()`` adds the node that computes real numbers
    instead, where there is one.

    In low-bit networks all that follows is kept as ``steps`` in float32. ``to_codes(coder, steps)``
    adds the node that computes codes, ``to_numbers(steps)`` the one that computes real numbers.
    ``axis`` is the dimension of the channels, where it is known. ``applied`` is the function of one
    number that it is the result of, where it is one: the argument's tensor, and our attributes.
    In other networks such steps begin where there is arithmetic with constants:
    ``with_steps(pending)`` is the result that takes them. ``to_sums(pending)`` adds the nodes that
    compute the real numbers of a result that nothing quantizes. ``to_integers()`` adds the node
    whose output is the int32 sums. Where the file's result is these, ``numbers`` is the same as
    real numbers.
    """

    place: str
    shape: Shape
    finish: Callable[..., Activation]
    views: tuple[Callable[[Activation], Activation], ...] = ()
    activation: FusedActivation = "none"
    fuses: bool = False
    bias: Addends = ()
    takes_bias: bool = False
    to_real: Callable[[], Activation] | None = None
    made: dict[Any, Activation] = field(default_factory=dict)
    steps: tuple[EpilogueStep, ...] = ()
    to_codes: Callable[[Coder, tuple[EpilogueStep, ...]], Activation] | None = None
    to_numbers: Callable[[tuple[EpilogueStep, ...]], Activation] | None = None
    axis: int | None = None
    applied: tuple[str, Any] | None = None
    with_steps: Callable[["Pending"], "Pending"] | None = None
    to_sums: Callable[["Pending"], Activation] | None = None
    to_integers: Callable[[], Activation] | None = None
    numbers: "Pending | None" = None

    def viewed(self, shape: Shape, view: Callable[[Activation], Activation]) -> "Pending":
        views = (*self.views, view)
        return replace(
            self, shape=shape, views=views, made={}, takes_bias=False, axis=None, applied=None
        )


@dataclass(frozen=True)
class Missing:
    """The result of an operator that could not be read, which has been reported already."""


Present = Constant | Dequantized | Activation | Pending
Value = Present | Missing


def identity(rank: int) -> Shape:
    return tuple(range(rank))


def channels_last(rank: int) -> Shape:
    """The layout of our tensor for a file's ``[1, channels, ...]``."""
    return (0, *range(2, rank), 1) if rank > 2 else identity(rank)


def arranged(shape: Shape, layout: Shape) -> Shape:
    return tuple(shape[axis] for axis in layout)


def keeps_order(shape: Shape, layout: Shape) -> bool:
    """Whether a permutation moves only dimensions of size 1, so that the values stay in order."""
    moved = [axis for axis in layout if shape[axis] > 1]
    return moved == sorted(moved)


def layout_after(shape: Shape, layout: Shape, new: Shape) -> Shape | None:
    """The layout after dimensions of size 1 came or went; None if the shape changed otherwise."""
    old_axes = [axis for axis, size in enumerate(shape) if size > 1]
    new_axes = [axis for axis, size in enumerate(new) if size > 1]
    if [shape[a] for a in old_axes] != [new[a] for a in new_axes]:
        return None
    renamed = dict(zip(old_axes, new_axes, strict=True))
    ones = [axis for axis, size in enumerate(new) if size == 1]
    return (*ones, *(renamed[axis] for axis in layout if shape[axis] > 1))


def rows_kept(shape: Shape, new: Shape) -> int:
    """The first dimension of both shapes, 1 where they do not begin alike."""
    return shape[0] if shape[:1] == new[:1] != () else 1


def flattens(shape: Shape, layout: Shape, new: Shape) -> bool:
    """Whether ``new`` has all elements in one dimension, or those of each row where rows are kept.

    Rows are those along our tensor's first dimension, too.
    """
    rows = rows_kept(shape, new)
    if rows == 1:
        return max(new, default=1) == math.prod(shape)
    return layout[0] == 0 and rows * max(new[1:], default=1) == math.prod(shape)
