"""Layers of products by constant weights: what convolutions and matrix products share."""

from dataclasses import replace
from typing import Any

import numpy as np

from ....ir.graph import Quantization
from ....operators._activation import FusedActivation
from ..builder import Builder, Quantizer
from ..codes import coder
from ..values import (
    Activation,
    Addends,
    Constant,
    Dequantized,
    Pending,
    Shape,
    Value,
    arranged,
    identity,
)
from . import biases
from .float_sums import FloatForm, FloatSums
from .unquantized import unquantized
from .weights import by_channel, centred


def linear(
    b: Builder,
    x: Activation,
    weights: Dequantized,
    bias: Value | None,
    shape: Shape,
    layout: Shape,
    form: Any,
    integers: bool = False,
    factor: float = 1.0,
    real: bool = False,
    float_form: FloatForm | None = None,
) -> Pending:
    """The sums of products as a pending result.

    ``weights`` are ``[out, ...]``; ``form(weights, activation)`` returns our operator, its
    attributes, the weights in that operator's order of dimensions, and the axis of their output
    channels. ``shape`` and ``layout`` are the result's. ``factor`` multiplies the bias.
    ``real`` says that the runtime has no such operator on codes, and computes in float32;
    ``float_form`` is how, if the driver can do the same.
    """
    record, source = b.node, b.known_quantizer(x.tensor)
    weights = centred(weights)
    scales, zeros = by_channel(weights.scale), by_channel(weights.zero_point)
    per_channel = replace(weights, scale=scales, zero_point=zeros)
    sums = FloatSums(b, x, per_channel, shape, layout, form, float_form)
    if b.low_bit:
        return sums.pending(bias, factor)
    count, channels = max(len(scales), len(zeros)), len(weights.codes)
    own, unit = biases.addends(bias), sums.unit()
    in_float32 = real or factor != 1.0 or not biases.are_codes(own, unit)

    def bias_codes(added: Addends) -> np.ndarray | None:
        return biases.codes(added, (source.scale, scales), channels, integers)

    # Raises now what would be wrong with the bias later.
    biases.steps(own, factor, "none", channels) if in_float32 else bias_codes(own)

    def finish(wanted: Quantizer, activation: FusedActivation, extra: Addends) -> Activation:
        name = b.node.outputs[0]
        # The runtime makes a bias of what is added to a matrix product, but not to a convolution.
        image = layout != identity(len(shape))
        apart = image and any(isinstance(addend, Constant) for addend in extra)
        if in_float32 or apart or not biases.are_codes((*own, *extra), unit):
            added = (*own, *extra)
            if real and not apart and float_form and float_form.codes_of_bias:
                added = biases.quantized(added, (source.scale, scales), channels)
            steps = biases.steps(added, factor, activation, channels)
            with b.at(replace(record, outputs=(name,))):
                coded = sums.begun_with(added).coded(coder(wanted), steps)
            return replace(coded, real=False)
        with b.at(record):
            operator, attributes, data, axis = form(weights.codes, activation)
            q = Quantization(
                scale=tuple(np.broadcast_to(scales, (count,)).tolist()),
                zero_point=tuple(np.broadcast_to(zeros, (count,)).tolist()),
                axis=axis,
            )
            codes = bias_codes((*own, *extra))
            inputs = [x.tensor, b.add_constant(f"{record.outputs[0]}_weights", data, q)]
            if codes is not None:
                inputs.append(b.add_constant(f"{record.outputs[0]}_bias", codes))
            output = arranged(shape, layout)
            tensor = b.add_node(operator, attributes, tuple(inputs), output, name=name)
        b.set_quantizer(tensor, wanted)
        if not integers and not extra and not b.on_codes(record, wanted):
            b.tell_order(tensor, sums.order_sensitive(codes, activation, coder(wanted)))
        return Activation(tensor, shape, layout, real=False, unsigned=wanted.unsigned)

    axis = layout[-1]  # our channels are last

    def with_steps(pending: Pending) -> Pending:
        steps = biases.steps((*own, *pending.bias), factor, pending.activation, channels)
        with b.at(record):
            stepped = sums.pending(None, 1.0, steps)
        return replace(stepped, shape=pending.shape, views=pending.views, axis=pending.axis)

    def to_sums(pending: Pending) -> Activation:
        with b.at(record):
            return unquantized(
                sums, (*own, *pending.bias), pending.activation, factor, in_float32, integers
            )

    def to_integers() -> Activation:
        with b.at(record):
            return replace(sums.integers(None), real=False)

    return Pending(
        record.place,
        shape,
        finish,
        fuses=True,
        takes_bias=True,
        axis=axis,
        with_steps=with_steps,
        to_sums=to_sums,
        to_integers=to_integers,
    )


def viewed_as(b: Builder, pending: Pending, shape: Shape) -> Pending:
    return replace(
        pending.viewed(shape, lambda value: b.reshaped(value, shape)),
        takes_bias=True,
        axis=pending.axis,
    )


def added_bias(pending: Pending, value: Constant | Dequantized, axis: int) -> Pending | None:
    """A pending result with a constant added along its channels, if it can take one."""
    shape = (1,) * (len(pending.shape) - len(value.shape)) + value.shape
    others = [size for position, size in enumerate(shape) if position != axis]
    if not pending.takes_bias or len(shape) != len(pending.shape) or any(n > 1 for n in others):
        return None
    count = (pending.shape[axis],)

    def along(data: np.ndarray) -> np.ndarray:
        if data.shape[-1:] == count:
            return data
        # A single number has more dimensions than a bias, and the runtime makes none of it.
        return np.broadcast_to(data.reshape(-1), count if data.size > 1 else (1, 1, *count))

    addend = Constant(along(value.data)) if isinstance(value, Constant) else value.mapped(along)
    return replace(pending, bias=(*pending.bias, addend), made={})
