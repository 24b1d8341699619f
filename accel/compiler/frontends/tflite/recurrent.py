"""Reads the attributes of TFLite's operators that update variable tensors of their own."""

from collections.abc import Sequence

from ...operators.lstm import Lstm
from ...operators.svdf import Svdf
from .spelling import Operands, Options, Results, Unreadable, activation

VARIANTS = {  # of LSTM cells that TFLite Micro does not compute, by the inputs that make them
    "peephole connections": range(9, 12),
    "a projection": range(16, 18),
    "layer normalization": range(20, 24),
}
LSTM_INPUTS = 24
LSTM_OWN = (*range(9), *range(12, 16), 18, 19)  # the others are of the variants
LSTM_STATES = (18, 19)


def lstm(options: Options, inputs: Operands, outputs: Results) -> Lstm:
    if len(inputs) != LSTM_INPUTS:
        raise Unreadable(f"has {len(inputs)} inputs, not {LSTM_INPUTS}")
    remedy = "build the network from plain LSTM cells, as tf.keras.layers.LSTM makes them"
    for what, numbers in VARIANTS.items():
        if any(inputs[number] is not None for number in numbers):
            raise Unreadable(f"has {what}, which TFLite Micro does not compute; {remedy}")
    if inputs[1] is None or inputs[5] is None:
        raise Unreadable(f"couples its input gate to its forget gate (CIFG); {remedy}")
    if activation(options) != "tanh":
        given = activation(options)
        raise Unreadable(
            f"has the activation {given}, and TFLite Micro computes tanh alone; {remedy}"
        )
    _check_state(inputs, 18, "hidden state", ("int8",))
    _check_state(inputs, 19, "cell state", ("int16",))
    return Lstm(time_major=bool(options.TimeMajor()), cell_clip=float(options.CellClip()))


def svdf(options: Options, inputs: Operands, outputs: Results) -> Svdf:
    _check_state(inputs, 4, "state", ("int8", "int16"))
    return Svdf(rank=options.Rank())


def _check_state(inputs: Operands, number: int, what: str, dtypes: Sequence[str]) -> None:
    """Require a variable tensor among the inputs of a type that TFLite Micro computes with."""
    tensor = inputs[number] if number < len(inputs) else None
    if tensor is None:
        raise Unreadable(f"lacks its {what}")
    if tensor.dtype not in dtypes:
        types, remedy = " or ".join(dtypes), "convert it with full integer quantization (int8)"
        raise Unreadable(f"has a {what} {tensor.name!r} of {tensor.dtype}, not {types}; {remedy}")
