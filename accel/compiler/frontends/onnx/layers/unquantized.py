"""Layers that nothing quantizes, at a network's end: real numbers of their sums.

ONNX Runtime computes a matrix product of codes in integers, and multiplies the sums, with an int32
bias added, by their scale in float32. A convolution, and a product with a bias in float32, it
computes in float32 altogether; our sums are exact there, and rounded once.

Source: onnxruntime's MatMulIntegerToFloat, and QGemm without an output scale.
"""

import numpy as np

from .....numeric.rules.float_epilogue import EpilogueStep
from ....operators._activation import FusedActivation
from ....operators.sums import Sums
from ..low_bit.epilogues import LayerSums
from ..values import Activation, Addends, Dequantized, identity
from . import biases


def unquantized(
    sums: LayerSums,
    added: Addends,
    activation: FusedActivation,
    factor: float,
    in_float32: bool,
    integers: bool,
) -> Activation:
    """Add the nodes that compute the real numbers of a layer.

    ``added`` are its biases, the first one times ``factor``; ``in_float32`` and ``integers`` are as
    in `linear.linear`.
    """
    channels = sums.channels
    product = sums.layout == identity(len(sums.shape))
    whole = integers or all(isinstance(addend, Dequantized) for addend in added)
    if in_float32 or not product or not whole or not biases.are_codes(added, sums.unit()):
        return sums.real(biases.steps(added, factor, activation, channels))
    scales = sums.b.known_quantizer(sums.x.tensor).scale, sums.weights.scale
    scale = np.float32(scales[0]) * np.broadcast_to(scales[1], (channels,)).astype(np.float32)
    steps = (EpilogueStep("multiply", (scale,)), *biases.steps((), 1.0, activation, channels))
    attributes = Sums(least=np.zeros(channels, np.int64), unit=np.ones(channels), steps=steps)
    return sums.numbers(sums.integers(biases.codes(added, scales, channels, integers)), attributes)
