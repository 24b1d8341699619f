"""Biases of convolutions and matrix products in ONNX files: added as integers, or in float32.

Quantizers give a bias the scale input scale times weight scale. ONNX Runtime adds the codes of
such a bias to the integer sums; at its highest optimization level it quantizes float32 constants
in the same way. A bias of any other scale it adds in float32 after the sums. We do the same.

Matrix products are an exception: at its highest level the runtime adds the codes of their biases
whatever their scale is. We compute what the file says, as the runtime does without optimizations.

Source: onnxruntime/core/optimizer/qdq_transformer, WeightBiasQuantization and
ConvNodeGroupSelector.
"""

import numpy as np

from .....numeric.rounding import INT32_MAX, INT32_MIN
from .....numeric.rules.float_epilogue import EpilogueStep
from ....operators._activation import FusedActivation, real_bounds
from ..builder import Unreadable
from ..low_bit.epilogues import checked, numbers_of
from ..values import Addends, Constant, Dequantized, Value

SAME_SCALE = 1e-5  # relative difference up to which a bias's scale counts as that of the sums


def addends(bias: Value | None) -> Addends:
    """An operator's own bias, if it has one that can be added."""
    if bias is None:
        return ()
    if not isinstance(bias, Constant | Dequantized):
        raise Unreadable("has a bias that is not constant", "", "make the bias constant")
    return (bias,)


def vector(values: np.ndarray, channels: int) -> np.ndarray:
    """Values that broadcast along the last dimension, as ``[channels]``."""
    if values.size != 1 and (values.size != channels or values.shape[-1:] != (channels,)):
        raise Unreadable(f"has a bias of shape {values.shape}, not ({channels},)")
    return np.broadcast_to(values.reshape(-1), (channels,))


def are_codes(biases: Addends, unit: np.ndarray) -> bool:
    """Whether the runtime adds integers to the sums; ``unit`` is the real value of a sum of 1."""
    if len(biases) > 1:
        return False
    for bias in biases:
        if isinstance(bias, Dequantized):
            scale, zeros = (vector(a, len(unit)) for a in (bias.scale, bias.zero_point))
            close = np.abs(scale.astype(np.float64) / unit - 1) <= SAME_SCALE
            if zeros.any() or not close.all():
                return False
    return True


def codes(
    biases: Addends, scales: tuple[float, np.ndarray], channels: int, integers: bool
) -> np.ndarray | None:
    """The bias as int32 ``[channels]`` in units of the sums, if there is one.

    ``scales`` are those of the input and the weights; ``integers`` says that a constant is in these
    units already.
    """
    if not biases:
        return None
    (bias,) = biases
    if isinstance(bias, Dequantized) or integers:
        data = bias.codes if isinstance(bias, Dequantized) else bias.data
        total = vector(data, channels).astype(np.float64)
    else:
        _, total = _in_units(vector(bias.data, channels), scales)
    if not ((total >= INT32_MIN) & (total <= INT32_MAX)).all():
        what = "has a bias that does not fit into 32 bits"
        raise Unreadable(what, "in units of input scale times weight scale")
    return total.astype(np.int32)


def quantized(biases: Addends, scales: tuple[float, np.ndarray], channels: int) -> Addends:
    """What the runtime adds in float32 where it makes codes of a layer's one constant bias.

    It does so although the layer is not computed on codes; ``scales`` are as in `codes`. A bias of
    several dimensions, and what is added by another operator, stay as they are.
    """
    (bias, *more) = biases or (None,)
    if more or not isinstance(bias, Constant) or bias.shape != (channels,):
        return biases
    unit, total = _in_units(bias.data, scales)
    if not (np.abs(total) < INT32_MAX).all():
        return biases
    with np.errstate(over="ignore", under="ignore"):
        return (Constant(unit * total.astype(np.float32)),)


def _in_units(
    values: np.ndarray, scales: tuple[float, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The unit of the sums in float32, and the values in it, integers as float64."""
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        unit = np.float32(scales[0]) * np.asarray(scales[1], np.float32)
        return unit, np.rint(values.astype(np.float32) / unit).astype(np.float64)


def steps(
    biases: Addends, factor: float, activation: FusedActivation, channels: int
) -> tuple[EpilogueStep, ...]:
    """The float32 steps after the sums: biases, the first one times ``factor``, and a clamp."""
    found = []
    for index, bias in enumerate(biases):
        data = checked(numbers_of(bias), "a bias")
        with np.errstate(over="ignore", invalid="ignore"):
            data = checked(data * np.float32(1.0 if index else factor), "a bias times beta")
        found.append(EpilogueStep("add", (vector(data, channels),)))
    low, high = real_bounds(activation)
    if activation != "none":
        ends = -np.inf if low is None else low, np.inf if high is None else high
        found.append(EpilogueStep("clip", tuple(np.array(end, np.float32) for end in ends)))
    return tuple(found)
