"""Functions of one number in ONNX files that have no operator of their own here."""

from collections.abc import Callable

from ..operators.function import Function
from ._onnx_builder import Builder, Unreadable
from ._onnx_elementwise import unary_result
from ._onnx_values import Value


def _named(name: str, **parameters: float) -> Callable[[Builder], list[Value]]:
    """A reader; ``parameters`` are attributes of the file's and their defaults."""

    def read(b: Builder) -> list[Value]:
        given = tuple(float(b.attribute(key, value)) for key, value in parameters.items())
        return [unary_result(b, b.numbers(0), "function", Function(name=name, parameters=given))]

    return read


def _gelu(b: Builder) -> list[Value]:
    if b.attribute("approximate", "none") != "none":
        raise Unreadable("is approximated by tanh", "", "use approximate none")
    return _named("gelu")(b)


# Of Selu, as ONNX has them.
_ALPHA, _GAMMA = 1.67326319217681884765625, 1.05070102214813232421875

READERS = {
    spelling: ("function", reader)
    for spelling, reader in {
        "Ceil": _named("ceil"),
        "Cos": _named("cos"),
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
