"""Functions of one number in ONNX files that have no operator of their own here."""

import math
from collections.abc import Callable

import numpy as np

from ....operators.div import Div
from ....operators.function import Function
from ..builder import Builder, Unreadable
from ..codes import real_constant
from ..values import Constant, Dequantized, Pending, Value
from . import float_steps
from .elementwise import binary_result, unary_result


def _named(name: str, **parameters: float) -> Callable[[Builder], list[Value]]:
    """A reader; ``parameters`` are the operator's attributes and their defaults."""

    def read(b: Builder) -> list[Value]:
        given = tuple(float(b.attribute(key, value)) for key, value in parameters.items())
        return [unary_result(b, b.numbers(0), "function", Function(name=name, parameters=given))]

    return read


def _gelu(b: Builder) -> list[Value]:
    kind = b.attribute("approximate", "none")
    if kind not in ("none", "tanh"):
        raise Unreadable(f"is approximated by {kind!r}, which is unknown")
    return _named("gelu" if kind == "none" else "gelu_tanh")(b)


def _power(b: Builder) -> list[Value]:
    exponent = real_constant(b.value(1))
    if exponent is None and isinstance(b.value(1), Constant):  # whose type may be any
        exponent = b.constant(1)
    x = b.numbers(0)
    if exponent is None or exponent.size != 1 or exponent.ndim > len(x.shape):
        raise Unreadable("has an exponent that is not one constant number", "", "use one number")
    attributes = Function(name="power", parameters=(float(exponent.item()),))
    return [unary_result(b, x, "function", attributes)]


def _divide(b: Builder) -> list[Value]:
    """A quotient of which one side is a constant number, or one for each channel."""
    divisor = b.required(1)
    many = isinstance(divisor, Constant | Dequantized) and math.prod(divisor.shape) != 1
    if many or isinstance(b.value(0), Pending):
        found = float_steps.arithmetic(b)
        if found is not None:
            return found
    numbers = [real_constant(b.value(index)) for index in (0, 1)]
    given = next((number for number in numbers if number is not None), None)
    if given is None:
        result = binary_result(b, "div", Div(), [b.numbers(0), b.numbers(1)])
        return [float_steps.continued(b, result)]
    if given.size != 1 or not np.isfinite(given).all() or not given.all():
        what = f"has a constant of {given.size} numbers"
        if given.size == 1:
            what = f"has a constant of {given.item()}, which is 0 or not finite"
        raise Unreadable(what, "", "divide by one number")
    index, name = (0, "quotient") if numbers[0] is None else (1, "divided")
    attributes = Function(name=name, parameters=(float(given.item()),))
    x = b.numbers(index)
    if given.ndim > len(x.shape):
        raise Unreadable(f"has a constant of {given.shape} for a tensor of {x.shape}")
    result = unary_result(b, x, "function", attributes)
    return [float_steps.continued(b, result)]


# Of Selu, as ONNX has them.
_ALPHA, _GAMMA = 1.67326319217681884765625, 1.05070102214813232421875

READERS = {
    spelling: ("function", reader)
    for spelling, reader in {
        "Acos": _named("arccos"),
        "Acosh": _named("arccosh"),
        "Asin": _named("arcsin"),
        "Asinh": _named("arcsinh"),
        "Atan": _named("arctan"),
        "Atanh": _named("arctanh"),
        "Ceil": _named("ceil"),
        "Celu": _named("celu", alpha=1.0),
        "Cos": _named("cos"),
        "Cosh": _named("cosh"),
        "Div": _divide,
        "Erf": _named("erf"),
        "Exp": _named("exp"),
        "Floor": _named("floor"),
        "Gelu": _gelu,
        "HardSigmoid": _named("hard_sigmoid", alpha=0.2, beta=0.5),
        "Log": _named("log"),
        "Mish": _named("mish"),
        "Neg": _named("negative"),
        "Pow": _power,
        "Reciprocal": _named("reciprocal"),
        "Round": _named("round"),
        "Selu": _named("selu", alpha=_ALPHA, gamma=_GAMMA),
        "Shrink": _named("shrink", bias=0.0, lambd=0.5),
        "Sign": _named("sign"),
        "Sin": _named("sin"),
        "Sinh": _named("sinh"),
        "Softplus": _named("softplus"),
        "Softsign": _named("softsign"),
        "Sqrt": _named("sqrt"),
        "Swish": _named("sigmoid_product", alpha=1.0),
        "Tan": _named("tan"),
        "ThresholdedRelu": _named("thresholded", alpha=1.0),
        "com.microsoft.Gelu": _named("gelu"),
        "com.microsoft.QuickGelu": _named("sigmoid_product", alpha=1.702),
    }.items()
}
