"""Functions of one number in ONNX files that have no operator of their own here."""

import math
from collections.abc import Callable

import numpy as np

from ...operators.function import Function
from . import float_steps
from .builder import Builder, Unreadable
from .elementwise import unary_result
from .quantize import real_constant
from .values import Constant, Dequantized, Pending, Value


def _named(name: str, **parameters: float) -> Callable[[Builder], list[Value]]:
    """A reader; ``parameters`` are the operator's attributes and their defaults."""

    def read(b: Builder) -> list[Value]:
        given = tuple(float(b.attribute(key, value)) for key, value in parameters.items())
        return [unary_result(b, b.numbers(0), "function", Function(name=name, parameters=given))]

    return read


def _gelu(b: Builder) -> list[Value]:
    if b.attribute("approximate", "none") != "none":
        raise Unreadable("is approximated by tanh", "", "use approximate none")
    return _named("gelu")(b)


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
        raise Unreadable("divides two computed tensors", "", "divide by a constant")
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
        "Ceil": _named("ceil"),
        "Cos": _named("cos"),
        "Div": _divide,
        "Erf": _named("erf"),
        "Exp": _named("exp"),
        "Floor": _named("floor"),
        "Gelu": _gelu,
        "HardSigmoid": _named("hard_sigmoid", alpha=0.2, beta=0.5),
        "Log": _named("log"),
        "Neg": _named("negative"),
        "Reciprocal": _named("reciprocal"),
        "Round": _named("round"),
        "Selu": _named("selu", alpha=_ALPHA, gamma=_GAMMA),
        "Sign": _named("sign"),
        "Sin": _named("sin"),
        "Softplus": _named("softplus"),
        "Softsign": _named("softsign"),
        "Sqrt": _named("sqrt"),
    }.items()
}
