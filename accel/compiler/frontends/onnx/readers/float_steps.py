"""Float32 arithmetic with constants between a DequantizeLinear and a QuantizeLinear.

What ONNX Runtime computes there in float32, one IEEE operation after another, are steps: of a
layer's sums, or of codes, which then have a table, or one for each channel.
"""

from dataclasses import replace

import numpy as np

from .....numeric.rules.float_epilogue import normalize
from ....operators._activation import real_bounds
from ..builder import Builder, Unreadable
from ..low_bit.epilogues import checked, numbers_of, stepped, waiting
from ..values import Activation, Constant, Dequantized, Pending, Value

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


def continued(b: Builder, result: Pending) -> Pending:
    """The present node's result, which more steps can follow if it is a step itself."""
    record = b.node

    def with_steps(pending: Pending) -> Pending:
        with b.at(record):
            found = arithmetic(b)
            assert found is not None
            (step,) = found
        assert isinstance(step, Pending)
        low, high = real_bounds(pending.activation)
        if pending.activation != "none":
            ends = -np.inf if low is None else low, np.inf if high is None else high
            step = stepped(b, step, "clip", *(np.array(end, np.float32) for end in ends))
        axis = None if pending.views else step.axis
        return replace(step, shape=pending.shape, views=pending.views, axis=axis)

    shapes = [getattr(b.value(index), "shape", None) for index in (0, 1)]
    constants = [isinstance(b.value(index), Constant | Dequantized) for index in (0, 1)]
    kind = STEPS[record.spelling][1 if constants[1] else 0]
    possible = any(constants) and kind is not None and result.shape in shapes
    return replace(result, with_steps=with_steps) if possible else result


def clamped(b: Builder, result: Pending, index: int = 0) -> Pending:
    """The clamp of a quantized input, which steps can follow."""
    record = b.node

    def with_steps(pending: Pending) -> Pending:
        low, high = real_bounds(pending.activation)
        ends = -np.inf if low is None else low, np.inf if high is None else high
        with b.at(record):
            source = opened(b, index)
            step = stepped(b, source, "clip", *(np.array(end, np.float32) for end in ends))
        axis = None if pending.views else step.axis
        return replace(step, shape=pending.shape, views=pending.views, axis=axis)

    return replace(result, with_steps=with_steps)


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
