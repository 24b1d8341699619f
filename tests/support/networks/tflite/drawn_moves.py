"""TFLite files of one operator that moves codes, with its tensors quantized independently."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tests.support.networks.tflite.drawn_values import Rng, codes, quantized, related, shape
from tests.support.networks.tflite.files import File


def _moved(f: File, rng: Rng, q: dict) -> dict:
    """Of a moved tensor: mostly as it was, for runtimes copy or refuse it."""
    return dict(q) if rng.random() < 0.6 else related(rng, q)


def _reshape(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng), quantized(rng)
        if kind == "SQUEEZE" and 1 not in size[1:]:
            size = (*size[:-1], 1)
        x = f.input(size, **q)
        if kind == "RESHAPE":
            result = (1, int(np.prod(size))) if rng.random() < 0.5 else (*size[:-1], 1, size[-1])
            constant, options = [f.constant(result)], {"newShape": list(result)}
            y = f.tensor(result, **_moved(f, rng, q))
            f.operator(kind, [x, *constant], [y], "ReshapeOptions", **options)
        elif kind == "SQUEEZE":
            dims = [a for a, n in enumerate(size) if a and n == 1]
            y = f.tensor([n for a, n in enumerate(size) if a not in dims], **_moved(f, rng, q))
            f.operator(kind, [x], [y], "SqueezeOptions", squeezeDims=dims)
        else:
            axis = int(rng.integers(1, len(size) + 1))
            y = f.tensor((*size[:axis], 1, *size[axis:]), **_moved(f, rng, q))
            f.operator(kind, [x, f.constant(axis)], [y], "ExpandDimsOptions")
        return f.ends(y)

    return draw


def _transpose(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    order = [0, *rng.permutation(np.arange(1, len(size))).tolist()]
    x, y = f.input(size, **q), f.tensor([size[a] for a in order], **_moved(f, rng, q))
    return f.ends(f.operator("TRANSPOSE", [x, f.constant(order)], [y], "TransposeOptions"))


def _pad(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng), quantized(rng)
        amounts = np.vstack(([0, 0], rng.integers(0, 3, (len(size) - 1, 2))))
        x, y = f.input(size, **q), f.tensor(size + amounts.sum(1), **related(rng, q))
        inputs, options = [x, f.constant(amounts)], "PadOptions"
        if kind == "PADV2":
            inputs.append(f.constant(codes(rng, (1,)), "int8", **related(rng, q)))
            options = "PadV2Options"
        return f.ends(f.operator(kind, inputs, [y], options))

    return draw


def _mirror_pad(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    mode = int(rng.integers(2))  # reflect, symmetric
    most = [0, *(min(3, n - 1 + mode) for n in size[1:])]
    amounts = rng.integers(0, most, (2, len(size)), endpoint=True).T
    x, y = f.input(size, **q), f.tensor(size + amounts.sum(1), **_moved(f, rng, q))
    inputs = [x, f.constant(amounts)]
    return f.ends(f.operator("MIRROR_PAD", inputs, [y], "MirrorPadOptions", mode=mode))


def _slice(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    starts = [int(rng.integers(n)) for n in size]
    sizes = [int(rng.integers(1, n - s + 1)) for n, s in zip(size, starts, strict=True)]
    x, y = f.input(size, **q), f.tensor(sizes, **_moved(f, rng, q))
    inputs = [x, f.constant(starts), f.constant(sizes)]
    return f.ends(f.operator("SLICE", inputs, [y], "SliceOptions"))


def _strided_slice(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    starts = [0, *(int(rng.integers(n)) for n in size[1:])]
    steps = [1, *(int(rng.choice((1, 2, -1, -2))) for _ in size[1:])]
    masks = [int(m) << 1 for m in rng.integers(0, 2 ** (len(size) - 1), 3) * (rng.random(3) < 0.4)]
    for axis, step in enumerate(steps):
        if masks[2] >> axis & 1:
            steps[axis] = abs(step)  # backwards, kernels write nothing where one index is taken
    ends = [n if step > 0 else -n - 1 for n, step in zip(size, steps, strict=True)]
    result = []
    for axis, (n, start, step) in enumerate(zip(size, starts, steps, strict=True)):
        begin = (0 if step > 0 else n - 1) if masks[0] >> axis & 1 else start
        if not masks[2] >> axis & 1:
            result.append(len(range(begin, n if step > 0 else -1, step)))
    x, y = f.input(size, **q), f.tensor(result, **_moved(f, rng, q))
    inputs = [x, f.constant(starts), f.constant(ends), f.constant(steps)]
    fields = dict(zip(("beginMask", "endMask", "shrinkAxisMask"), masks, strict=True))
    if rng.random() < 0.2:  # which TFLite Micro does not read
        fields[str(rng.choice(("ellipsisMask", "newAxisMask", "offset")))] = 2
    return f.ends(f.operator("STRIDED_SLICE", inputs, [y], "StridedSliceOptions", **fields))


def _split(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), list(shape(rng)), quantized(rng)
        axis, parts = int(rng.integers(1, len(size))), int(rng.integers(1, 4))
        sizes = [int(n) for n in rng.integers(1, 4, parts)]
        sizes = sizes[:1] * parts if kind == "SPLIT" else sizes
        size[axis] = sum(sizes)
        y_q, x = _moved(f, rng, q), f.input(size, **q)
        outputs = [f.tensor((*size[:axis], n, *size[axis + 1 :]), **y_q) for n in sizes]
        if kind == "SPLIT":
            inputs, options = [f.constant([axis]), x], "SplitOptions"
        else:
            inputs, options = [x, f.constant(sizes), f.constant([axis])], "SplitVOptions"
        f.operator(kind, inputs, outputs, options, numSplits=parts)
        return f.ends(*outputs)

    return draw


def _unpack(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis, x = int(rng.integers(1, len(size))), f.input(size, **q)
    rest, y_q = (*size[:axis], *size[axis + 1 :]), _moved(f, rng, q)
    outputs = [f.tensor(rest, **y_q) for _ in range(size[axis])]
    f.operator("UNPACK", [x], outputs, "UnpackOptions", axis=axis, num=size[axis])
    return f.ends(*outputs)


def _pack(rng: Rng) -> File:
    f, size, q = File(), shape(rng, int(rng.integers(2, 4))), quantized(rng)
    inputs = [f.input(size, **_moved(f, rng, q)) for _ in range(rng.integers(1, 4))]
    axis = int(rng.integers(1, len(size) + 1))
    y = f.tensor((*size[:axis], len(inputs), *size[axis:]), **q)
    fields = {"axis": axis, "valuesCount": len(inputs)}
    return f.ends(f.operator("PACK", inputs, [y], "PackOptions", **fields))


def _concatenation(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis, sizes = int(rng.integers(1, len(size))), rng.integers(1, 4, rng.integers(1, 4)).tolist()
    inputs = []
    for n in sizes:
        part, part_q = (*size[:axis], n, *size[axis + 1 :]), _moved(f, rng, q)
        if inputs and rng.random() < 0.3:
            inputs.append(f.constant(codes(rng, part), "int8", **part_q))
        else:
            inputs.append(f.input(part, **part_q))
    y = f.tensor((*size[:axis], sum(sizes), *size[axis + 1 :]), **q)
    signed = axis - len(size) if rng.random() < 0.3 else axis
    return f.ends(f.operator("CONCATENATION", inputs, [y], "ConcatenationOptions", axis=signed))


def _gather(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis, count = int(rng.integers(1, len(size))), int(rng.integers(1, 5))
    x, indices = f.input(size, **q), f.constant(rng.integers(0, size[axis], count))
    y = f.tensor((*size[:axis], count, *size[axis + 1 :]), **_moved(f, rng, q))
    return f.ends(f.operator("GATHER", [x, indices], [y], "GatherOptions", axis=axis))


def _blocks(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, q, block = File(), quantized(rng), int(rng.integers(1, 4))
        _, h, w, c = shape(rng, 4, 3)
        wide, deep = (1, h * block, w * block, c), (1, h, w, c * block**2)
        to_depth = kind == "SPACE_TO_DEPTH"
        x = f.input(wide if to_depth else deep, **q)
        y = f.tensor(deep if to_depth else wide, **_moved(f, rng, q))
        options = "SpaceToDepthOptions" if to_depth else "DepthToSpaceOptions"
        return f.ends(f.operator(kind, [x], [y], options, blockSize=block))

    return draw


def _resize(rng: Rng) -> File:
    f, size, q = File(), shape(rng, 4), quantized(rng)
    sizes = [int(n * rng.choice((1, 2, 3))) for n in size[1:3]]
    x, y = f.input(size, **q), f.tensor((1, *sizes, size[3]), **_moved(f, rng, q))
    corners = bool(rng.random() < 0.3)
    fields = {"alignCorners": corners, "halfPixelCenters": not corners and rng.random() < 0.4}
    options = "ResizeNearestNeighborOptions"
    inputs = [x, f.constant(sizes)]
    return f.ends(f.operator("RESIZE_NEAREST_NEIGHBOR", inputs, [y], options, **fields))


MOVES: Mapping[str, Callable[[Rng], File]] = MappingProxyType(
    {
        "RESHAPE": _reshape("RESHAPE"),
        "EXPAND_DIMS": _reshape("EXPAND_DIMS"),
        "SQUEEZE": _reshape("SQUEEZE"),
        "TRANSPOSE": _transpose,
        "PAD": _pad("PAD"),
        "PADV2": _pad("PADV2"),
        "MIRROR_PAD": _mirror_pad,
        "SLICE": _slice,
        "STRIDED_SLICE": _strided_slice,
        "SPLIT": _split("SPLIT"),
        "SPLIT_V": _split("SPLIT_V"),
        "GATHER": _gather,
        "PACK": _pack,
        "UNPACK": _unpack,
        "SPACE_TO_DEPTH": _blocks("SPACE_TO_DEPTH"),
        "DEPTH_TO_SPACE": _blocks("DEPTH_TO_SPACE"),
        "RESIZE_NEAREST_NEIGHBOR": _resize,
        "CONCATENATION": _concatenation,
    }
)
