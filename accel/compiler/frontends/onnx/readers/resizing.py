"""Resize and Upsample in ONNX files, where every output is a copy of one input (mode nearest).

Source: onnxruntime/core/providers/cpu/tensor/upsamplebase.h, ``GetOriginalCoordinateFromResized``
and ``GetNearestPixelFromOriginal``, in float32.
"""

from dataclasses import dataclass

import numpy as np

from ....operators.resize_nearest import ResizeNearest
from ..builder import Builder, Unreadable
from ..values import Activation, Shape, Value, arranged
from .moves import gathered
from .shapes import viewed

F = np.float32
FIRST_OF_MODES = 11  # the opset; before it there are no attributes but the mode


@dataclass(frozen=True)
class _Axis:
    """One dimension: sizes, scale, and the part of it that ``tf_crop_and_resize`` takes."""

    size: int
    outputs: int
    scale: np.float32
    start: float = 0.0
    end: float = 1.0

    def coordinates(self, mode: str) -> np.ndarray:
        """The input's coordinate of each output, float32."""
        x, scale = np.arange(self.outputs).astype(F), self.scale
        size, outputs, start, end = map(F, (self.size, self.outputs, self.start, self.end))
        if mode == "asymmetric":
            return x / scale
        if mode == "align_corners":
            return x * (size - 1) / (outputs - 1) if outputs > 1 else x * 0
        if mode == "tf_half_pixel_for_nn":
            return (x + F(0.5)) / scale
        if mode == "tf_crop_and_resize":
            if outputs == 1:
                return x + F(0.5) * (start + end) * (size - 1)
            return start * (size - 1) + x * (end - start) * (size - 1) / (outputs - 1)
        pixels = (x + F(0.5)) / scale - F(0.5)
        if mode == "half_pixel":
            return pixels
        if mode == "pytorch_half_pixel":
            return pixels if outputs > 1 else x * 0
        if mode == "half_pixel_symmetric":
            adjustment = outputs / (scale * size)
            offset = size / F(2) * (F(1) - adjustment)
            return offset + (x + F(0.5)) / scale - F(0.5)
        raise Unreadable(f"has coordinate_transformation_mode {mode!r}, which is unknown")

    def indices(self, mode: str, nearest: str) -> Shape:
        if self.scale == 1 and self.size == self.outputs:
            return tuple(range(self.size))
        at = self.coordinates(mode)
        if mode == "tf_crop_and_resize" and ((at < 0) | (at > self.size - 1)).any():
            what = "takes positions outside the image, which have extrapolation_value"
            raise Unreadable(what, "", "crop inside the image")
        return tuple(np.clip(_nearest(at, nearest, self.scale), 0, self.size - 1).tolist())


def _nearest(at: np.ndarray, mode: str, scale: np.float32) -> np.ndarray:
    away = np.where(at >= 0, np.floor(at + F(0.5)), np.ceil(at - F(0.5)))
    if mode == "simple":
        found = np.ceil(at) if scale < 1 else np.trunc(at)
    elif mode == "round_prefer_floor":
        found = np.where(at == np.trunc(at) + F(0.5), np.floor(at), away)
    elif mode == "round_prefer_ceil":
        found = away
    elif mode in ("floor", "ceil"):
        found = np.floor(at) if mode == "floor" else np.ceil(at)
    else:
        raise Unreadable(f"has nearest_mode {mode!r}, which is unknown")
    return found.astype(np.int64)


def _axes(b: Builder, shape: Shape) -> list[_Axis]:
    """Every dimension, by the node's scales or sizes, which may be of some axes only."""
    rank, old = len(shape), b.record.opset < FIRST_OF_MODES
    named = tuple(b.attribute("axes", ())) or tuple(range(rank))
    if not all(-rank <= axis < rank for axis in named):
        raise Unreadable(f"has axes {list(named)} for {rank} dimensions")
    scales, sizes = b.constant(1 if old else 2), None if old else b.integers(3)
    given = b.node.attributes.get("scales")
    if scales is None and given is not None:
        scales = np.array(given, F)
    if scales is not None and scales.size:
        if scales.size != len(named) or not (np.isfinite(scales) & (scales > 0)).all():
            raise Unreadable(f"has {scales.size} scales for {len(named)} axes, or impossible ones")
        by_axis = dict(zip((axis % rank for axis in named), scales.reshape(-1), strict=True))
        made = [_scaled(size, F(by_axis.get(axis, 1))) for axis, size in enumerate(shape)]
    elif sizes is not None and len(sizes) == len(named) and min(sizes) > 0:
        chosen = _kept_ratio(b, [shape[axis] for axis in named], sizes)
        wanted = dict(zip((axis % rank for axis in named), chosen, strict=True))
        made = [
            _Axis(n, m, F(m) / F(n))
            for n, m in ((n, wanted.get(axis, n)) for axis, n in enumerate(shape))
        ]
    else:
        raise Unreadable("has neither scales nor sizes that are constant and fit")
    if max(axis.outputs for axis in made) > 2**16 or min(axis.outputs for axis in made) < 1:
        raise Unreadable(f"resizes to {[axis.outputs for axis in made]}")
    return made if old else _cropped(b, made, named)


def _scaled(size: int, scale: np.float32) -> _Axis:
    return _Axis(size, int(min(scale * F(size), F(2**20))), scale)


def _kept_ratio(b: Builder, before: list[int], sizes: Shape) -> Shape:
    policy = b.attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return sizes
    choose = {"not_larger": min, "not_smaller": max}.get(policy)
    if choose is None:
        raise Unreadable(f"has keep_aspect_ratio_policy {policy!r}, which is unknown")
    scale = choose(F(m) / F(n) for n, m in zip(before, sizes, strict=True))
    return tuple(int(np.floor(scale * F(n) + F(0.5))) for n in before)


def _cropped(b: Builder, axes: list[_Axis], named: Shape) -> list[_Axis]:
    if b.attribute("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize":
        return axes
    roi, count, rank = b.constant(1), len(named), len(axes)
    if roi is None or roi.size != 2 * count:
        raise Unreadable("has no constant roi of 2 numbers for each axis")
    ends = roi.reshape(2, count).astype(F)
    for position, axis in enumerate(named):
        old = axes[axis % rank]
        axes[axis % rank] = _Axis(
            old.size, old.outputs, old.scale, *(float(end) for end in ends[:, position])
        )
    return axes


def resize(b: Builder) -> list[Value]:
    value, mode = b.required(0), b.attribute("mode", "nearest")
    axes = _axes(b, value.shape)
    coordinates, nearest = "asymmetric", "simple"
    if b.record.opset >= FIRST_OF_MODES and b.node.spelling == "Resize":
        coordinates = b.attribute("coordinate_transformation_mode", "half_pixel")
        nearest = b.attribute("nearest_mode", "round_prefer_floor")
    same = all(a.size == a.outputs for a in axes)
    if same:  # the runtime copies then, whatever the scales are
        return [value]
    if mode != "nearest":
        why = "it computes numbers between the input's"
        raise Unreadable(f"has mode {mode!r}", why, "use mode nearest")
    picked = [axis.indices(coordinates, nearest) for axis in axes]
    shape = tuple(axis.outputs for axis in axes)
    return [
        viewed(
            b, value, shape, lambda a: a[np.ix_(*picked)], lambda x: _resized(b, x, picked, shape)
        )
    ]


def _resized(b: Builder, x: Activation, picked: list[Shape], shape: Shape) -> Activation:
    """Two axes by one operator, which are our height and width; any other one by itself."""
    x = b.plain(x) if x.flat is not None else x
    rank = len(shape)
    varied = [a for a in range(rank) if picked[a] != tuple(range(x.shape[a]))]
    if not varied:
        return x
    if rank == 3:
        wide = b.reshaped(x, (x.shape[0], x.shape[1], 1, x.shape[2]))
        whole = (*shape[:2], 1, shape[2])
        return b.reshaped(_resized(b, wide, [*picked[:2], (0,), picked[2]], whole), shape)
    if rank != 4 or 0 in varied:
        for axis in varied:
            x = gathered(b, x, axis, picked[axis])
        return x
    order = sorted(range(1, 4), key=lambda axis: (axis not in varied, x.layout.index(axis)))
    image = sorted(order[:2], key=x.layout.index)
    x = b.in_layout(x, (0, *image, order[2]))
    if order[2] in varied:
        x = gathered(b, x, order[2], picked[order[2]])
    after = tuple(len(picked[a]) if a in image else n for a, n in enumerate(x.shape))
    attributes = ResizeNearest(indices=(picked[image[0]], picked[image[1]]))
    tensor = b.moved("resize_nearest", attributes, x.tensor, arranged(after, x.layout))
    return Activation(tensor, after, x.layout, x.real, x.unsigned)


READERS = {"Resize": ("resize_nearest", resize), "Upsample": ("resize_nearest", resize)}
