"""Float32 arithmetic with constants between a DequantizeLinear and a QuantizeLinear.

What ONNX Runtime computes there in float32, one IEEE operation after another, are steps: of a
layer's sums, or of codes, which then have a table, or one for each channel.
"""

import numpy as np

from ....numeric.rules.float_epilogue import normalize
from .builder import Builder, Unreadable
from .low_bit.epilogues import checked, numbers_of, stepped, waiting
from .values import Activation, Constant, Dequantized, Pending, Value

# By operator: the step if the first operand is constant, and if the second one is.
STEPS = {
    "Add": ("add", "add"),
    "Sub": ("subtract_from", "subtract"),
    "Mul": ("multiply", "multiply"),
    "Div": (None, "divide"),
}
LEAST_DIVISOR = 2.0**-60


def opened(b: Builder, index: int) -> Pending:
    """An input as a pending result that steps can follow."""
    value = b.required(index)
    if not isinstance(value, Pending):
        return waiting(b, b.real(index))
    if value.to_codes is not None:
        return value
    if value.with_steps is None:
        b.real(index)  # raises
        raise AssertionError
    return value.with_steps(value)


def can_follow(value: Value) -> bool:
    """Whether steps can follow a value."""
    if isinstance(value, Pending):
        return value.to_codes is not None or value.with_steps is not None
    return isinstance(value, Activation) and value.real


def arithmetic(b: Builder) -> list[Value] | None:
    """The present node's input and its constant; None where it is no step.

    That is where no operand is constant, or a constant is divided.
    """
    values = b.required(0), b.required(1)
    constant = [isinstance(value, Constant | Dequantized) for value in values]
    if constant not in ([True, False], [False, True]):
        return None
    index = constant.index(True)
    kind = STEPS[b.node.spelling][index]
    if kind is None or not can_follow(values[1 - index]):
        return None
    data = checked(numbers_of(values[index]), "a constant")
    if kind == "divide" and not (np.abs(data) >= LEAST_DIVISOR).all():
        raise Unreadable("divides by less than 2^-60", "", "divide by larger numbers")
    return [stepped(b, opened(b, 1 - index), kind, data)]


def batch_normalization(b: Builder) -> list[Value]:
    """The number of each channel times a factor, and a constant added."""
    if any(b.node.outputs[1:]) or b.attribute("training_mode", 0):
        remedy = "export the network for inference (model.eval() in PyTorch)"
        raise Unreadable("is in training mode", "", remedy)
    vectors = [checked(numbers_of(b.required(index)), "a constant") for index in range(1, 5)]
    scale, bias, mean, variance = vectors
    epsilon, value = b.attribute("epsilon", 1e-5), opened(b, 0)
    if len(value.shape) < 2 or any(v.shape != (value.shape[1],) for v in vectors):
        raise Unreadable(f"must have one number for each channel of {value.shape}")
    if not (variance + np.float32(epsilon) > 0).all():
        raise Unreadable("has a variance that is not positive", "", "train the network anew")
    step = normalize(scale, bias, mean, variance, epsilon)
    shape = (-1, *[1] * (len(value.shape) - 2))
    return [stepped(b, value, "normalize", *(v.reshape(shape) for v in step.values))]


READERS = {"BatchNormalization": ("quantize", batch_normalization)}
