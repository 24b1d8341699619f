"""Random models of one operator that moves, cuts or reduces dimensions."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph, Tensor
from accel.compiler.operators.arg_max import ArgMax
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.depth_to_space import DepthToSpace
from accel.compiler.operators.gather import Gather
from accel.compiler.operators.log_softmax import LogSoftmax
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.mirror_pad import MODES, MirrorPad
from accel.compiler.operators.pack import Pack
from accel.compiler.operators.reduce_max import ReduceMax
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.resize_nearest import ResizeNearest
from accel.compiler.operators.slice import Slice
from accel.compiler.operators.space_to_depth import SpaceToDepth
from accel.compiler.operators.split import Split
from accel.compiler.operators.sum import ReduceSum
from accel.compiler.operators.transpose import Transpose
from accel.compiler.operators.unpack import Unpack
from tests.support.networks.tflite.drawn_window import Draw, drawn_window
from tests.support.networks.tflite.elementwise import any_shape, codes
from tests.support.networks.tflite.operators import Builder, add_dequantize, add_reshape, images


def drawn_type(draw: Draw, shape: tuple[int, ...]) -> Builder:
    """A builder whose last tensor is int8 or float32."""
    b = Builder(draw, shape)
    if draw(st.integers(0, 3)) == 0:
        add_dequantize(b)
    return b


@st.composite
def max_pool2d_graphs(draw: Draw):
    b = draw(images())
    height, width, depth = b.last.shape[1:]
    size = (draw(st.integers(1, height)), draw(st.integers(1, width)))
    window, sizes = drawn_window(draw, (height, width), size, (1, 1))
    attributes = MaxPool2d(size=size, activation=draw(b.style.activations), **window)
    b.node("max_pool2d", attributes, (1, *sizes, depth), b.last.quantization)
    return b.graph()


def drawn_axes(b: Builder) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Axes of the last tensor and whether they are kept, and its shape without them."""
    shape = b.last.shape
    axes = b.draw(st.sets(st.integers(1, len(shape) - 1), min_size=1))
    keep = b.draw(st.booleans())
    kept = tuple(
        1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes
    )
    return {"axes": tuple(sorted(axes)), "keep": keep}, kept


@st.composite
def reduce_max_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    chosen, kept = drawn_axes(b)
    attributes = ReduceMax(**chosen, smallest=draw(st.booleans()))
    spelled = "REDUCE_MIN" if attributes.smallest else "REDUCE_MAX"
    b.node("reduce_max", attributes, kept, b.last.quantization, source=spelled)
    return b.graph()


@st.composite
def mean_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    chosen, kept = drawn_axes(b)
    q = draw(st.sampled_from((b.last.quantization, None))) or b.quantization()
    b.node("mean", ReduceMean(**chosen), kept, q)
    return b.graph()


@st.composite
def sum_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    chosen, kept = drawn_axes(b)
    b.node("sum", ReduceSum(**chosen), kept, b.quantization())
    return b.graph()


@st.composite
def mirror_pad_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    mode = draw(st.sampled_from(("reflect", "symmetric")))
    most = [min(3, MODES[mode](size)) for size in b.last.shape]
    pairs = [tuple(draw(st.integers(0, n)) for _ in range(2)) for n in most[1:]]
    amounts = ((0, 0), *pairs)
    shape = tuple(n + sum(pair) for n, pair in zip(b.last.shape, amounts, strict=True))
    b.node("mirror_pad", MirrorPad(amounts=amounts, mode=mode), shape, b.last.quantization)
    return b.graph()


@st.composite
def reshape_graphs(draw: Draw):
    b = drawn_type(draw, any_shape(draw))
    shape, kind = b.last.shape, draw(st.sampled_from(("RESHAPE", "EXPAND_DIMS", "SQUEEZE")))
    if kind == "RESHAPE" or (kind == "SQUEEZE" and 1 not in shape[1:]):
        add_reshape(b)
        return b.graph()
    if kind == "EXPAND_DIMS":
        axis = draw(st.integers(1, len(shape)))
        other = (*shape[:axis], 1, *shape[axis:])
    else:
        other = (1, *(n for n in shape[1:] if n > 1))
    b.node("reshape", Reshape(), other, b.last.quantization, b.last.dtype, source=kind)
    return b.graph()


@st.composite
def transpose_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw))
    order = (0, *draw(st.permutations(range(1, len(b.last.shape)))))
    shape = tuple(b.last.shape[axis] for axis in order)
    b.node("transpose", Transpose(order=order), shape, b.last.quantization)
    return b.graph()


@st.composite
def slice_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw))
    strided = draw(st.booleans())
    taken, kept = [range(1)], [1]
    for size in b.last.shape[1:]:
        start = draw(st.integers(0, size - 1))
        step = draw(st.sampled_from((1, 2, -1, -2))) if strided else 1
        most = (size - 1 - start) // step + 1 if step > 0 else start // -step + 1
        shrunk = strided and draw(st.integers(0, 3)) == 0
        count = 1 if shrunk else draw(st.integers(1, most))
        step = 1 if count == 1 else step
        taken.append(range(start, start + count * step, step))
        kept += [] if shrunk else [count]
    attributes = Slice(
        starts=tuple(indices.start for indices in taken),
        sizes=tuple(len(indices) for indices in taken),
        steps=tuple(indices.step for indices in taken),
    )
    spelled = "STRIDED_SLICE" if strided else "SLICE"
    b.node("slice", attributes, tuple(kept), b.last.quantization, source=spelled)
    return b.graph()


@st.composite
def gather_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    shape = b.last.shape
    axis = draw(st.integers(1, len(shape) - 1))
    indices = tuple(draw(st.lists(st.integers(0, shape[axis] - 1), min_size=1, max_size=6)))
    output = (*shape[:axis], len(indices), *shape[axis + 1 :])
    b.node("gather", Gather(axis=axis, indices=indices), output, b.last.quantization)
    return b.graph()


@st.composite
def pack_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2)[:3])
    shape, q = b.last.shape, b.last.quantization
    inputs = [b.last.name, *(b.input(shape, q).name for _ in range(draw(st.integers(0, 3))))]
    axis = draw(st.sampled_from((*range(1, len(shape)), *range(1, len(shape)), len(shape))))
    output = (*shape[:axis], len(inputs), *shape[axis:])
    b.node("pack", Pack(axis=axis), output, q, inputs=tuple(inputs))
    return b.graph()


@st.composite
def unpack_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    shape, source = b.last.shape, b.last
    axis = draw(st.integers(1, len(shape) - 1))
    piece, q = (*shape[:axis], *shape[axis + 1 :]), source.quantization
    names = [f"piece_{index}" for index in range(shape[axis])]
    for name in names:
        b.add(Tensor(name=name, shape=piece, dtype="int8", quantization=q))
    b.many("unpack", Unpack(axis=axis), (source.name,), tuple(names))
    return b.graph(tuple(names))


@st.composite
def blocks_graphs(draw: Draw, operator: str, kind: type):
    """Squares of positions to channels, or back."""
    block, depth = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    height, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    wide = (1, height * block, width * block, depth)
    deep = (1, height, width, depth * block**2)
    source, output = (wide, deep) if operator == "space_to_depth" else (deep, wide)
    b = Builder(draw, source)
    b.node(operator, kind(block=block), output, b.last.quantization)
    return b.graph()


@st.composite
def resize_graphs(draw: Draw):
    b = draw(images())
    _, height, width, depth = b.last.shape
    factors = [draw(st.sampled_from((1, 2, 2, 3))) for _ in "hw"]
    sizes = [height * factors[0], width * factors[1]]
    if draw(st.integers(0, 3)) == 0:
        sizes = [draw(st.integers(1, 9)) for _ in "hw"]
    corners = draw(st.booleans())
    attributes = ResizeNearest(
        align_corners=corners, half_pixel=not corners and draw(st.booleans())
    )
    b.node("resize_nearest", attributes, (1, *sizes, depth), b.last.quantization)
    return b.graph()


@st.composite
def split_graphs(draw: Draw):
    shape = any_shape(draw, least=2)
    axis, equal = draw(st.integers(1, len(shape) - 1)), draw(st.booleans())
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    sizes = tuple(sizes[:1] * len(sizes) if equal else sizes)
    b = Builder(draw, (*shape[:axis], sum(sizes), *shape[axis + 1 :]))
    source, outputs = b.last, []
    for index, size in enumerate(sizes):
        piece = (*shape[:axis], size, *shape[axis + 1 :])
        q = source.quantization
        outputs.append(
            b.add(Tensor(name=f"piece_{index}", shape=piece, dtype="int8", quantization=q))
        )
    names = tuple(tensor.name for tensor in outputs)
    spelled = "SPLIT" if equal else "SPLIT_V"
    b.many("split", Split(axis=axis, sizes=sizes), (source.name,), names, spelled)
    return b.graph(names)


@st.composite
def concatenation_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    shape, q = b.last.shape, b.last.quantization
    axis = draw(st.integers(1, len(shape) - 1))
    names, total = [b.last.name], shape[axis]
    for index, size in enumerate(draw(st.lists(st.integers(1, 4), max_size=4))):
        piece = (*shape[:axis], size, *shape[axis + 1 :])
        if draw(st.booleans()):
            names.append(b.input(piece, q).name)
        else:
            names.append(b.constant(f"piece_{index}", codes(b, piece), "int8", q))
        total += size
    whole = (*shape[:axis], total, *shape[axis + 1 :])
    inputs = tuple(draw(st.permutations(names)))
    b.node("concatenation", Concatenation(axis=axis), whole, q, inputs=inputs)
    return b.graph()


@st.composite
def arg_max_graphs(draw: Draw):
    b = drawn_type(draw, any_shape(draw, least=2))
    shape = b.last.shape
    axis, smallest = draw(st.integers(1, len(shape) - 1)), draw(st.booleans())
    rest = (*shape[:axis], *shape[axis + 1 :])
    spelled = "ARG_MIN" if smallest else "ARG_MAX"
    attributes = ArgMax(axis=axis, smallest=smallest)
    b.node("arg_max", attributes, rest, None, "int32", source=spelled)
    return b.graph()


@st.composite
def log_softmax_graphs(draw: Draw):
    b = Builder(draw, any_shape(draw, least=2))
    add_dequantize(b)
    b.node("log_softmax", LogSoftmax(), b.last.shape, None, "float32")
    return b.graph()


GRAPHS: Mapping[str, st.SearchStrategy[Graph]] = MappingProxyType(
    {
        "max_pool2d": max_pool2d_graphs(),
        "mean": mean_graphs(),
        "mirror_pad": mirror_pad_graphs(),
        "sum": sum_graphs(),
        "reduce_max": reduce_max_graphs(),
        "reshape": reshape_graphs(),
        "transpose": transpose_graphs(),
        "slice": slice_graphs(),
        "split": split_graphs(),
        "concatenation": concatenation_graphs(),
        "arg_max": arg_max_graphs(),
        "gather": gather_graphs(),
        "pack": pack_graphs(),
        "unpack": unpack_graphs(),
        "space_to_depth": blocks_graphs("space_to_depth", SpaceToDepth),
        "depth_to_space": blocks_graphs("depth_to_space", DepthToSpace),
        "resize_nearest": resize_graphs(),
        "log_softmax": log_softmax_graphs(),
    }
)
