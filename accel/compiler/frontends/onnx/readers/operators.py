"""How ONNX spells our operators: a reader for each of its operators.

Operators of ONNX Runtime's own domain are spelled with it, such as ``com.microsoft.QLinearAdd``.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..builder import Builder
from ..layers import convolutions, integers, products, transposed
from ..low_bit import low_bit, quants, steps
from ..values import Constant, Value
from . import (
    arg_max,
    clips,
    constants,
    elementwise,
    extremes,
    float_steps,
    functions,
    fused,
    moves,
    normalization,
    pools,
    quantize,
    resizing,
    shapes,
    softmax,
)

Reader = Callable[[Builder], list[Value]]

# By spelling: the name of our operator, empty where there is none, and the reader.
READERS: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        **quantize.READERS,
        **convolutions.READERS,
        **products.READERS,
        **integers.READERS,
        **transposed.READERS,
        **elementwise.READERS,
        **clips.READERS,
        **float_steps.READERS,
        **pools.READERS,
        **fused.READERS,
        **shapes.READERS,
        **moves.READERS,
        **resizing.READERS,
        **extremes.READERS,
        **softmax.READERS,
        **normalization.READERS,
        **arg_max.READERS,
        **constants.READERS,
        **functions.READERS,
        **quants.READERS,
    }
)

# Parts of operators' names that show that a file is quantized.
_QUANTIZED = ("uantize", "QLinear", "QGemm", "Integer", *low_bit.QONNX)


def quantizes(spelling: str) -> bool:
    return any(part in spelling for part in _QUANTIZED)


def reader(b: Builder) -> Reader:
    """The reader of the present node; where all inputs are constant, one that folds it."""
    spelling = b.node.spelling
    if spelling in constants.FOLDED:
        values = [b.values[name] for name in b.node.inputs]
        if all(isinstance(value, Constant) for value in values):
            return constants.FOLDED[spelling]
    usual = READERS[spelling][1]
    everywhere = spelling in constants.READERS or spelling in quants.READERS
    return steps.reader(spelling, usual, everywhere) if b.low_bit else usual
