"""How ONNX spells our operators: a reader for each of its operators.

Operators of ONNX Runtime's own domain are spelled with it, such as ``com.microsoft.QLinearAdd``.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from . import (
    _onnx_arg_max,
    _onnx_constants,
    _onnx_elementwise,
    _onnx_functions,
    _onnx_linear,
    _onnx_low_bit,
    _onnx_pools,
    _onnx_quantize,
    _onnx_quants,
    _onnx_shapes,
    _onnx_softmax,
    _onnx_steps,
)
from ._onnx_builder import Builder
from ._onnx_values import Constant, Value

Reader = Callable[[Builder], list[Value]]

# Our operator, or nothing where there is none, and the reader.
READERS: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        **_onnx_quantize.READERS,
        **_onnx_linear.READERS,
        **_onnx_elementwise.READERS,
        **_onnx_pools.READERS,
        **_onnx_shapes.READERS,
        **_onnx_softmax.READERS,
        **_onnx_arg_max.READERS,
        **_onnx_constants.READERS,
        **_onnx_functions.READERS,
        **_onnx_quants.READERS,
        "BatchNormalization": ("", _onnx_steps.batch_normalization),
    }
)

# Whatever else is in a file, one of these shows that it is quantized.
_QUANTIZED = ("uantize", "QLinear", "QGemm", "Integer", *_onnx_low_bit.QONNX)


def quantizes(spelling: str) -> bool:
    return any(part in spelling for part in _QUANTIZED)


def reader(b: Builder) -> Reader:
    """The reader of the present node, which may be another one where all inputs are constant."""
    spelling = b.node.spelling
    if spelling in _onnx_constants.FOLDED:
        values = [b.values[name] for name in b.node.inputs]
        if all(isinstance(value, Constant) for value in values):
            return _onnx_constants.FOLDED[spelling]
    usual = READERS[spelling][1]
    everywhere = spelling in _onnx_constants.READERS or spelling in _onnx_quants.READERS
    return _onnx_steps.reader(spelling, usual, everywhere) if b.low_bit else usual
