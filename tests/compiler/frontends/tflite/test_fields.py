"""Fields that say again what others say: those that TFLite Micro does not look at may say anything,
and where it goes by the wrong one, the file is refused."""

from collections.abc import Callable

import numpy as np
import pytest

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import run
from tests.support.networks.tflite.drawn_operators import OPERATORS
from tests.support.networks.tflite.files import File
from tests.support.oracles.apart import Refused, tflm_apart

Q = {"scale": 0.05, "zero_point": 3}
ANEW = "convert the model anew"


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def convolution(depthwise: bool = False, channels: int = 4, out: int = 4) -> File:
    f, random = File(), rng()
    shape = (1, 3, 3, out) if depthwise else (out, 3, 3, channels)
    scales = np.linspace(0.01, 0.02, out)
    weights = random.integers(-127, 128, shape).astype(np.int8)
    bias = random.integers(-2000, 2000, out)
    x, y = f.input((1, 6, 6, channels), **Q), f.tensor((1, 6, 6, out), scale=0.5, zero_point=-2)
    w = f.constant(weights, "int8", scale=scales, axis=3 if depthwise else 0)
    b = f.constant(bias, "int32", scale=scales * 0.05)
    kind, options, more = "CONV_2D", "Conv2DOptions", {}
    if depthwise:
        kind, options = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        more = {"depthMultiplier": out // channels}
    window = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    return f.ends(f.operator(kind, [x, w, b], [y], options, **window, **more))


def square() -> File:
    """A convolution with as many kernel columns as output channels."""
    return convolution(out=3)


def moved(kind: str, shape: tuple, result: tuple, *constants, options: str = "", **fields) -> File:
    """An operator that moves codes, of which all but the first input are integers."""
    f = File()
    x, y = f.input(shape, **Q), f.tensor(result, **Q)
    inputs = [x, *(f.constant(values) for values in constants)]
    return f.ends(f.operator(kind, inputs, [y], options, **fields))


def mean(keep: bool, result: tuple[int, ...]) -> File:
    return moved("MEAN", (1, 3, 4, 2), result, [1, 2], options="ReducerOptions", keepDims=keep)


def unpack(num: int, outputs: int = 3) -> File:
    f = File()
    x, ys = f.input((1, 3, 4), **Q), [f.tensor((1, 4), **Q) for _ in range(outputs)]
    f.operator("UNPACK", [x], ys, "UnpackOptions", axis=1, num=num)
    return f.ends(*ys)


def pack(count: int, result: tuple[int, ...] = (1, 2, 4)) -> File:
    f = File()
    xs, y = [f.input((1, 4), **Q) for _ in range(2)], f.tensor(result, **Q)
    return f.ends(f.operator("PACK", xs, [y], "PackOptions", axis=1, valuesCount=count))


def split(said: int) -> File:
    f = File()
    axis, x = f.constant([2]), f.input((1, 3, 4), **Q)
    ys = [f.tensor((1, 3, 2), **Q) for _ in range(2)]
    f.operator("SPLIT", [axis, x], ys, "SplitOptions", numSplits=said)
    return f.ends(*ys)


def resize(size: tuple[int, ...]) -> File:
    options = "ResizeNearestNeighborOptions"
    return moved("RESIZE_NEAREST_NEIGHBOR", (1, 3, 4, 2), (1, 6, 8, 2), size, options=options)


def squeeze(dims: list[int], result: tuple[int, ...]) -> File:
    options = {"options": "SqueezeOptions", "squeezeDims": dims}
    return moved("SQUEEZE", (1, 1, 4, 1), result, **options)


def reshape(new: list[int], constant: tuple[int, ...] | None = (1, 24)) -> File:
    constants = () if constant is None else (constant,)
    options = {"options": "ReshapeOptions", "newShape": new}
    return moved("RESHAPE", (1, 4, 6), (1, 24), *constants, **options)


def transposed(constant: tuple[int, ...]) -> File:
    f = File()
    x, y = f.input((1, 3, 3, 2), **Q), f.tensor((1, 6, 6, 2), scale=0.5, zero_point=1)
    w = f.constant(rng().integers(-127, 128, (2, 2, 2, 2)), "int8", scale=0.01)
    fields = {"strideH": 2, "strideW": 2, "padding": 1}
    inputs = [f.constant(constant), w, x]
    return f.ends(f.operator("TRANSPOSE_CONV", inputs, [y], "TransposeConvOptions", **fields))


def pool(**fields) -> File:
    f, whole = File(), {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2} | fields
    x, y = f.input((1, 4, 4, 3), **Q), f.tensor((1, 2, 2, 3), **Q)
    return f.ends(f.operator("MAX_POOL_2D", [x], [y], "Pool2DOptions", padding=1, **whole))


def pad_with(zero_point: int) -> File:
    f = File()
    x, y = f.input((1, 3, 4), **Q), f.tensor((1, 5, 4), **Q)
    amounts = f.constant([[0, 0], [1, 1], [0, 0]])
    value = f.constant([7], "int8", scale=0.05, zero_point=zero_point)
    return f.ends(f.operator("PADV2", [x, amounts, value], [y], "PadV2Options"))


def strided(begin_mask: int) -> File:
    masks = {"beginMask": begin_mask, "shrinkAxisMask": 0b010}
    constants = ([0, 2, 1], [1, 0, 4], [1, 1, 1])
    options = {"options": "StridedSliceOptions", **masks}
    return moved("STRIDED_SLICE", (1, 3, 4), (1, 3), *constants, **options)


def sliced(result: tuple[int, ...]) -> File:
    return moved("SLICE", (1, 3, 4), result, [0, 1, 0], [1, 1, 4], options="SliceOptions")


def rectifier(inputs: int = 1) -> File:
    f = File()
    x, y = f.input((1, 4), **Q), f.tensor((1, 4), scale=0.02, zero_point=-100)
    return f.ends(f.operator("RELU6", [x] * inputs, [y]))


def least() -> File:
    f = File()
    x, y = f.input((1, 4), **Q), f.tensor((1, 4), **Q)
    return f.ends(f.operator("MINIMUM", [x, x], [y], "MaximumMinimumOptions"))


def index(said: int) -> File:
    f = File()
    x, y = f.input((1, 3, 4), **Q), f.tensor((1, 3), "int32")
    inputs = [x, f.constant(2)]
    return f.ends(f.operator("ARG_MAX", inputs, [y], "ArgMaxOptions", outputType=said))


def changed(file: File, change: Callable[[File], None]) -> File:
    change(file)
    return file


def quantization(file: File, tensor: str):
    found = {"input": lambda: file.operand(0), "weights": lambda: file.operand(1)}
    found |= {"bias": lambda: file.operand(2), "output": file.result}
    return found[tensor]().quantization


def without_zero_points(file: File, tensor: str, empty: bool = False) -> File:
    quantization(file, tensor).zeroPoint = [] if empty else None
    return file


def along(file: File, tensor: str, axis: int) -> File:
    quantization(file, tensor).quantizedDimension = axis
    return file


def scaled(file: File, tensor: str, scales: list[float]) -> File:
    q = quantization(file, tensor)
    q.scale, q.zeroPoint = scales, [0] * len(scales)
    return file


def bias_shape(*shape: int) -> File:
    return changed(convolution(), lambda f: setattr(f.operand(2), "shape", list(shape)))


OBEYED = {
    "a window that the output leaves too few rows for": lambda: pool(filterHeight=4),
    "a window that is wider than the image": lambda: pool(filterWidth=7),
    "a bias without zero points": lambda: without_zero_points(convolution(), "bias"),
    "a bias with an empty list of zero points": lambda: without_zero_points(
        convolution(), "bias", empty=True
    ),
    "a bias along dimension 3": lambda: along(convolution(), "bias", 3),
    "a depthwise bias along dimension -1": lambda: along(convolution(True), "bias", -1),
    "a bias of another scale": lambda: scaled(convolution(), "bias", [3.0] * 4),
    "a bias of one scale": lambda: scaled(convolution(), "bias", [0.5]),
    "a bias of too many scales": lambda: scaled(convolution(), "bias", [0.5] * 9),
    "a bias of impossible scales": lambda: scaled(convolution(), "bias", [0.0, -1.0, 1e30, 2.0]),
    "a bias without quantization": lambda: changed(
        convolution(), lambda f: setattr(f.operand(2), "quantization", None)
    ),
    "a bias of four dimensions": lambda: bias_shape(1, 1, 1, 4),
    "a bias in a column": lambda: bias_shape(4, 1),
    "weights along another dimension of that size": lambda: along(square(), "weights", 2),
    "an input along dimension 3": lambda: along(convolution(), "input", 3),
    "an output along dimension 9": lambda: along(convolution(), "output", 9),
    "axes that stay, and a shape without them": lambda: mean(True, (1, 2)),
    "axes that go, and a shape with them": lambda: mean(False, (1, 1, 1, 2)),
    "a number of splits": lambda: split(7),
    "another shape in the options": lambda: reshape([1, 12]),
    "another shape in the constant": lambda: reshape([1, 24], (2, 3)),
    "no constant shape, and another in the options": lambda: reshape([6, 4], None),
    "the output's shape of a transposed convolution": lambda: transposed((1, 2, 2, 9)),
    "dimensions to squeeze, from the back": lambda: squeeze([-1, 1], (1, 4)),
    "a dimension to squeeze that the output keeps at its end": lambda: squeeze([1, 3], (1, 4, 1)),
    "the first of a dimension that is left out, by its mask": lambda: strided(0b010),
    "one of a dimension that is left out": lambda: strided(0),
    "an index of another type": lambda: index(4),
    "a pool whose last windows are cut off": lambda: pool(filterHeight=4),
    "a pool that leaves out the last pixels": lambda: pool(filterWidth=1, strideH=3),
}
REFUSED = {
    "has depth_multiplier 0, but 4 input channels and 4 output channels; set it to 1": (
        lambda: changed(convolution(True), lambda f: setattr(f.options, "depthMultiplier", 0))
    ),
    "has depth_multiplier 1, but 4 input channels and 8 output channels; set it to 2": (
        lambda: changed(
            convolution(True, out=8), lambda f: setattr(f.options, "depthMultiplier", 1)
        )
    ),
    f"resizes to (9, 8), but output 't1' is (6, 8); {ANEW}": lambda: resize((9, 8)),
    f"resizes to (6,), but output 't1' is (6, 8); {ANEW}": lambda: resize((6,)),
    f"has num 2 and 3 outputs; {ANEW}": lambda: unpack(2),
    f"has num 4 and 3 outputs; {ANEW}": lambda: unpack(4),
    "(1, 3, 4) does not make 2 tensors": lambda: unpack(2, outputs=2),
    f"has values_count 3 and 2 inputs; {ANEW}": lambda: pack(3),
    f"has values_count 1 and 2 inputs; {ANEW}": lambda: pack(1),
    f"makes (1, 2, 4), but output 't2' has shape (2, 4); {ANEW}": lambda: pack(2, (2, 4)),
    f"makes (1, 2, 4), but output 't2' has shape (4, 2); {ANEW}": lambda: pack(2, (4, 2)),
    "has 2 inputs, not 1": lambda: rectifier(2),
    f"makes (1, 1, 4), but output 't1' has shape (1, 4); {ANEW}": lambda: sliced((1, 4)),
    f"makes (2, 1), but output 't1' has shape (1, 2); {ANEW}": lambda: moved(
        "TRANSPOSE", (1, 2), (1, 2), [1, 0], options="TransposeOptions"
    ),
    f"makes (1, 2, 3, 20), but output 't1' has shape (2, 3, 20); {ANEW}": lambda: moved(
        "SPACE_TO_DEPTH", (1, 4, 6, 5), (2, 3, 20), options="SpaceToDepthOptions", blockSize=2
    ),
    f"makes (1, 4, 6, 5), but output 't1' has shape (4, 6, 5); {ANEW}": lambda: moved(
        "DEPTH_TO_SPACE", (1, 2, 3, 20), (4, 6, 5), options="DepthToSpaceOptions", blockSize=2
    ),
    "squeezes (1, 1, 4, 1) to (4,), but output 't1' has shape (1, 4); name the dimensions to "
    "squeeze, without the batch": lambda: squeeze([], (1, 4)),
    "squeezes dimensions [2] of (1, 1, 4, 1), which are not all 1": lambda: squeeze([2], (1, 4)),
    "pads with 't3', which is not quantized as 't1'; quantize both alike": lambda: pad_with(4),
    "output width must be 1, not 2": lambda: pool(strideW=5),
    "tensor 't1' does not have one scale and one zero point; convert the model with full integer "
    "quantization": lambda: without_zero_points(rectifier(), "output"),
    "weights 't2' have no scales": lambda: without_zero_points(convolution(), "weights"),
    "order (0, -1, 1) is not a permutation of 3 dimensions": lambda: moved(
        "TRANSPOSE", (1, 3, 4), (1, 4, 3), [0, -1, 1], options="TransposeOptions"
    ),
    "has uint8 and int8 tensors, which only QUANTIZE converts": lambda: changed(
        least(), lambda f: setattr(f.graph.tensors[0], "type", 3)
    ),
    f"has an output of type 99, which does not exist; {ANEW}": lambda: index(99),
}


def answers(file: File, inputs: list[np.ndarray]) -> list[np.ndarray]:
    graph = read(file.bytes(), "m.tflite")
    found = run(graph, dict(zip(graph.inputs, inputs, strict=True)))
    return [found[name] for name in graph.outputs]


@pytest.mark.parametrize("what", OBEYED)
def test_what_the_oracle_does_not_look_at_may_say_anything(what):
    file = OBEYED[what]()
    inputs = file.inputs(rng())
    expected = tflm_apart(file.bytes(), inputs)
    for found, wanted in zip(answers(file, inputs), expected, strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("what", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_sentence(what):
    with pytest.raises(UnsupportedModel) as refused:
        read(REFUSED[what]().bytes(), "m.tflite")
    (reason,) = refused.value.reasons
    assert str(reason).partition(": ")[2] == what


def test_weights_along_a_dimension_of_another_size_are_refused_as_the_oracle_does():
    file = along(convolution(out=5), "weights", 2)
    with pytest.raises(Refused):
        tflm_apart(file.bytes(), file.inputs(rng()))
    with pytest.raises(UnsupportedModel, match="has 5 scales for 3 channels"):
        read(file.bytes(), "m.tflite")


@pytest.mark.parametrize("kind", ["RESHAPE", "TRANSPOSE", "PAD", "SPLIT", "UNPACK", "GATHER"])
def test_codes_that_nothing_quantizes_may_be_moved(kind):
    file = OPERATORS[kind](rng())
    for tensor in file.graph.tensors:
        tensor.quantization = None
    inputs = file.inputs(rng())
    expected = tflm_apart(file.bytes(), inputs)
    for found, wanted in zip(answers(file, inputs), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_an_operator_with_too_few_inputs_crashes_the_oracle_apart_from_us():
    file = resize((6, 8))
    file.graph.operators[-1].inputs = [0, -1]
    with pytest.raises(Refused, match="ended by SIG"):
        tflm_apart(file.bytes(), file.inputs(rng()))
    with pytest.raises(UnsupportedModel, match="has new sizes that are not constant integers"):
        read(file.bytes(), "m.tflite")
