"""Operators that ONNX Runtime's optimizer makes of several of ONNX's, in files that it saves.

Each is read as the operators that it was made of, by their own readers.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..builder import Builder, Unreadable
from ..layers import convolutions, products
from ..values import Activation, Value
from ..windows import channels_first, in_file_order
from . import clips, elementwise, functions, pools

Reader = Callable[[Builder], list[Value]]

# By activation, its reader and the names of its parameters, in order.
_ACTIVATIONS: dict[str, tuple[Reader, tuple[str, ...]]] = {
    "Relu": (clips.READERS["Relu"][1], ()),
    "Clip": (clips.READERS["Clip"][1], ("min", "max")),
    "LeakyRelu": (elementwise.READERS["LeakyRelu"][1], ("alpha",)),
    "Elu": (elementwise.READERS["Elu"][1], ("alpha",)),
    "Sigmoid": (elementwise.READERS["Sigmoid"][1], ()),
    "Tanh": (elementwise.READERS["Tanh"][1], ()),
    "HardSigmoid": (functions.READERS["HardSigmoid"][1], ("alpha", "beta")),
    "Softplus": (functions.READERS["Softplus"][1], ()),
    "Softsign": (functions.READERS["Softsign"][1], ()),
}


def _then(
    b: Builder, value: Value, spelling: str, read: Reader, attributes: dict[str, Any]
) -> list[Value]:
    """What an operator makes of a value that has no name in the file."""
    name = f"{b.node.outputs[0]} before {spelling}"
    while name in b.values:
        name += "_"
    b.values[name] = value
    record = replace(b.node, spelling=spelling, inputs=(name,), attributes=attributes)
    try:
        with b.at(record):
            return read(b)
    finally:
        del b.values[name]


def _activated(b: Builder, value: Value, parameters: dict[str, float]) -> list[Value]:
    """The value after the present node's activation, if it has one."""
    kind = b.attribute("activation", "")
    if not kind:
        return [value]
    if kind not in _ACTIVATIONS:
        what = f"has the activation {kind!r}"
        raise Unreadable(what, "", f"use one of {', '.join(_ACTIVATIONS)}")
    read, names = _ACTIVATIONS[kind]
    attributes = {name: parameters[name] for name in names if name in parameters}
    return _then(b, value, kind, read, attributes)


def fused_conv(b: Builder) -> list[Value]:
    """A Conv and an activation, whose parameters are a list."""
    if b.value(3) is not None:
        remedy = "give the file from before ONNX Runtime optimized it"
        raise Unreadable("adds a tensor to its sums before they are quantized", "", remedy)
    given = b.node.attributes.get("activation_params", ())
    if not isinstance(given, tuple):
        raise Unreadable("has activation_params that are no list of numbers")
    names = _ACTIVATIONS.get(b.attribute("activation", ""), (None, ()))[1]
    (value,) = convolutions.conv(b)
    return _activated(b, value, dict(zip(names, map(float, given), strict=False)))


def fused_gemm(b: Builder) -> list[Value]:
    """A Gemm and an activation, whose parameters are attributes."""
    found = {n: b.node.attributes.get(f"activation_{n}") for n in ("alpha", "beta", "gamma")}
    parameters = {n: value for n, value in found.items() if isinstance(value, float)}
    (value,) = products.gemm(b)
    return _activated(b, value, parameters)


def fused_matmul(b: Builder) -> list[Value]:
    """A MatMul whose operands are transposed before and whose result is multiplied."""
    if b.attribute("transBatchA", 0) or b.attribute("transBatchB", 0):
        raise Unreadable("transposes the batch", "", "export it without transBatchA and B")
    return products.matmul(b)


def nhwc_max_pool(b: Builder) -> list[Value]:
    """A MaxPool of codes with the channels last."""
    with b.at(replace(b.node, attributes={**b.node.attributes, "channels_last": 1})):
        x = channels_first(b, b.codes(0))
        (value,) = _then(b, x, "MaxPool", pools.max_pool, b.node.attributes)
        assert isinstance(value, Activation)  # of codes
        return [in_file_order(b, value)]


READERS = {
    "com.microsoft.FusedConv": ("conv2d", fused_conv),
    "com.microsoft.FusedGemm": ("fully_connected", fused_gemm),
    "com.microsoft.FusedMatMul": ("fully_connected", fused_matmul),
    "com.microsoft.NhwcMaxPool": ("max_pool2d", nhwc_max_pool),
}
