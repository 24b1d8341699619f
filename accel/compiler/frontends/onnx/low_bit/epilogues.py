"""Layers of low-bit networks: sums of products, float32 steps after them, and their codes.

The core computes the sums in integers, exactly. qonnx computes them in float32, which is the same
where the scales leave enough bits; where they do not, the sums whose code could depend on the
order of additions are counted (`numeric.rules.float_epilogue`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .....numeric.rounding import INT32_MAX, INT32_MIN
from .....numeric.rules.float_epilogue import (
    PLAIN,
    Coder,
    EpilogueStep,
    FloatEpilogue,
    direction,
    odd_factor,
    summing_error,
)
from ....ir.graph import Quantization
from ....operators.quantize import Quantize
from ....operators.sums import MOST_CODES, Sums
from ..builder import Builder, Quantizer, Unreadable
from ..values import Activation, Constant, Dequantized, Pending, Shape, Value, arranged

# Between these float32 neither overflows nor underflows.
LARGEST_SUM, LEAST_UNIT = 2.0**120, 2.0**-100
LARGEST = 2.0**60  # magnitude of constants, for the same reason


def checked(values: np.ndarray | None, what: str) -> np.ndarray:
    """Constants for which float32 arithmetic stays finite; ``values`` is None for no constant."""
    if values is None:
        raise Unreadable(f"has {what} that is computed", "", "make it constant")
    if values.dtype != np.float32:
        raise Unreadable(f"has {what} of type {values.dtype}, not float32")
    if not (np.abs(values) <= LARGEST).all():  # false for NaN too
        raise Unreadable(f"has {what} beyond 2^60, or that is not a number")
    return values


def quantizer_of(coder: Coder) -> Quantizer:
    unsigned = coder.offset != 0
    return Quantizer(coder.scale, coder.zero_point - coder.offset, unsigned)


def numbers_of(value: Value | None) -> np.ndarray | None:
    """The float32 numbers of a constant, which may have been quantized."""
    if isinstance(value, Dequantized):
        with np.errstate(over="ignore"):  # infinities are refused where they matter, see `checked`
            codes = value.codes.astype(np.int64) - value.zero_point
            return value.scale * codes.astype(np.float32)
    return value.data if isinstance(value, Constant) else None


@dataclass(frozen=True, eq=False)
class LayerSums:
    """A layer's sums; weights ``[out, ...]`` have scales and zero points ``[1]`` or ``[out]``.

    ``form``, ``shape`` and ``layout`` are as in `linear.linear`.
    """

    b: Builder
    x: Activation
    weights: Dequantized
    shape: Shape
    layout: Shape
    form: Any

    @property
    def channels(self) -> int:
        return len(self.weights.codes)

    @property
    def axis(self) -> int:
        """The dimension of the channels in the file."""
        rank = len(self.shape)
        return 1 if rank > 2 and self.layout[-1] == 1 else rank - 1

    def pending(
        self, bias: Value | None, factor: float, steps: tuple[EpilogueStep, ...] = ()
    ) -> Pending:
        """The sums as a pending result, with the bias as the first step after them."""
        record = self.b.node
        if bias is not None:
            data = numbers_of(bias)
            if data is None:
                raise Unreadable("has a bias that is not constant", "", "make the bias constant")
            data = np.float32(factor) * checked(data, "a bias")
            if data.size not in (1, self.channels) or data.shape[-1:] not in ((), (data.size,)):
                raise Unreadable(f"has a bias of shape {data.shape}, not ({self.channels},)")
            steps = (
                EpilogueStep("add", (data.reshape(-1) if data.size > 1 else data.reshape(()),)),
                *steps,
            )

        def to_codes(coder: Coder, steps: tuple[EpilogueStep, ...]) -> Activation:
            with self.b.at(replace(record, outputs=self.b.node.outputs)):
                return self.coded(coder, steps)

        def to_numbers(steps: tuple[EpilogueStep, ...]) -> Activation:
            with self.b.at(record):
                return self.real(steps)

        return Pending(
            record.place,
            self.shape,
            not_fused,
            steps=steps,
            to_codes=to_codes,
            to_numbers=to_numbers,
            axis=self.axis,
        )

    # What sums there are.

    def _centred(self) -> np.ndarray:
        """Weights less their zero points, int64 ``[out, k]``."""
        rows = self.weights.codes.reshape(self.channels, -1).astype(np.int64)
        return rows - np.broadcast_to(self.weights.zero_point, (self.channels,))[:, None]

    def _source_range(self) -> tuple[int, int]:
        """The range of the input's codes less its zero point; it includes 0, for padding."""
        low, high = self.b.code_range(self.x.tensor)
        zero = self.b.known_quantizer(self.x.tensor).zero_point
        return min(low - zero, 0), max(high - zero, 0)

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest sum that the input's codes can reach, int64 ``[out]``."""
        rows, (low, high) = self._centred(), self._source_range()
        positive, negative = (f(rows, 0).sum(axis=1) for f in (np.maximum, np.minimum))
        return positive * low + negative * high, positive * high + negative * low

    def unit(self) -> np.ndarray:
        scale = np.float64(self.b.known_quantizer(self.x.tensor).scale)
        return scale * np.broadcast_to(self.weights.scale, (self.channels,)).astype(np.float64)

    def _magnitude(self) -> np.ndarray:
        """The greatest possible sum of the products' magnitudes, int64 ``[out]``."""
        return np.abs(self._centred()).sum(axis=1) * max(map(abs, self._source_range()))

    def _check_float32(self) -> None:
        """Refuse sums for which float32 overflows or underflows."""
        unit, most = self.unit(), self._magnitude()
        if (most * unit >= LARGEST_SUM).any() or (unit < LEAST_UNIT).any():
            what = f"has sums in float32 by scales of {unit.min():.3g} to {unit.max():.3g}"
            why = "they overflow or lose their last bits"
            raise Unreadable(what, why, "quantize the model anew, biases by input x weight scale")

    def error(self) -> np.ndarray:
        source = odd_factor(self.b.known_quantizer(self.x.tensor).scale)
        scales = np.broadcast_to(self.weights.scale, (self.channels,))
        odd = np.array([float(source * odd_factor(scale)) for scale in scales])
        terms = self.weights.codes[0].size
        return summing_error(terms, self._magnitude(), odd, self.unit())

    # Nodes.

    def coded(self, coder: Coder, steps: tuple[EpilogueStep, ...]) -> Activation:
        """Add the node that computes codes."""
        epilogue = self.epilogue(coder, steps)
        sign = epilogue.sign
        flipped = sign.reshape(-1, *[1] * (self.weights.codes.ndim - 1))
        codes = self.weights.codes.astype(np.int64) * flipped
        if codes.max(initial=0) > 127:
            what = "has weights of -128 in channels that a negative factor follows"
            raise Unreadable(
                what,
                "the core computes their negative sums",
                "use weights of a narrow range, without -128",
            )
        zeros = self._zeros() * sign
        value = self._added(codes.astype(np.int8), zeros, None, epilogue, self.shape)
        self.b.set_quantizer(value.tensor, quantizer_of(coder))
        self.b.set_code_range(value.tensor, epilogue.low, epilogue.high)
        return replace(value, unsigned=coder.offset != 0)

    def epilogue(self, coder: Coder, steps: tuple[EpilogueStep, ...]) -> FloatEpilogue:
        """The layer's output rule; refuses sums for which float32 overflows or underflows."""
        self._check_float32()
        sign = direction(steps, self.channels)
        least, greatest = self.reach()
        ends = np.where(sign > 0, least, -greatest), np.where(sign > 0, greatest, -least)
        return FloatEpilogue(self.unit(), sign, steps, coder).judged(*ends, self.error())

    def real(self, steps: tuple[EpilogueStep, ...]) -> Activation:
        """Add nodes that compute real numbers: the driver makes them of the sums, or of codes where
        there are few enough sums."""
        least, greatest = self.reach()
        rounds = bool(self.error().any())
        if int((greatest - least).max()) > MOST_CODES:
            sums = self.integers(None)
            attributes = Sums(least=np.zeros_like(least), unit=self.unit(), rounds=rounds)
        else:
            sums = self._codes_of_sums(least)
            attributes = Sums(least=least, unit=self.unit(), rounds=rounds)
        return self.numbers(sums, replace(attributes, steps=steps))

    def numbers(self, sums: Activation, attributes: Sums) -> Activation:
        """Add the node that makes real numbers of sums."""
        output = arranged(self.shape, self.layout)
        tensor = self.b.add_node("sums", attributes, (sums.tensor,), output, "float32")
        return Activation(tensor, self.shape, self.layout, real=True)

    def _codes_of_sums(self, least: np.ndarray) -> Activation:
        """Codes that count the sums from the least one on."""
        begin = least + 128
        if not ((-begin >= INT32_MIN) & (-begin <= INT32_MAX)).all():
            raise Unreadable("has sums of more than 32 bits")
        ones = np.ones(self.channels, np.int64)
        epilogue = FloatEpilogue(ones.astype(np.float64), ones, (), PLAIN)
        codes, zeros = self.weights.codes, self._zeros()
        bias = (-begin).astype(np.int32)
        value = self._added(codes, zeros, bias, epilogue, self.shape, "parts")
        self.b.set_quantizer(value.tensor, Quantizer(1.0, 0, False))
        return value

    def integers(self, bias: np.ndarray | None) -> Activation:
        """Add the node whose output is the sums, with integers int32 ``[out]`` added to them."""
        least, greatest = self.reach()
        added = np.zeros(1, np.int64) if bias is None else bias.astype(np.int64)
        if (least + added).min() < INT32_MIN or (greatest + added).max() > INT32_MAX:
            raise Unreadable("has sums of more than 32 bits")
        return self._added(self.weights.codes, self._zeros(), bias, None, self.shape, "sums")

    def _zeros(self) -> np.ndarray:
        return np.broadcast_to(self.weights.zero_point, (self.channels,))

    def _added(
        self,
        codes: np.ndarray,
        zeros: np.ndarray,
        bias: np.ndarray | None,
        epilogue: FloatEpilogue | None,
        shape: Shape,
        suffix: str = "",
    ) -> Activation:
        """Add the layer's node; without an epilogue its output is the sums."""
        b, name = self.b, self.b.node.outputs[0]
        name = f"{name}_{suffix}" if suffix else name
        operator, attributes, data, axis = self.form(codes, "none")
        scales = np.resize(np.broadcast_to(self.weights.scale, (self.channels,)), len(codes))
        q = Quantization(scale=tuple(scales.tolist()), zero_point=tuple(zeros.tolist()), axis=axis)
        inputs = [self.x.tensor, b.add_constant(f"{name}_weights", data, q)]
        if bias is not None:
            inputs.append(b.add_constant(f"{name}_bias", bias))
        attributes = replace(attributes, epilogue=epilogue)
        output = arranged(shape, self.layout)
        dtype = "int8" if epilogue else "int32"
        tensor = b.add_node(operator, attributes, tuple(inputs), output, dtype, name=name)
        return Activation(tensor, shape, self.layout, real=True)


def not_fused(*arguments: Any) -> Activation:
    """The ``finish`` of pending results of low-bit networks, which have ``to_codes`` instead."""
    raise Unreadable("is quantized in a way that low-bit networks do not have")


# Steps after a value.


def waiting(b: Builder, x: Activation) -> Pending:
    """Quantized numbers, or a float32 input, as a pending result that steps can follow."""
    record = b.node
    with b.at(replace(record, outputs=(f"{record.outputs[0]}_source",))):
        source = b.channels_last(x) if x.flat is None and len(x.shape) == 4 else b.plain(x)
    axis = source.layout[-1]

    def to_codes(coder: Coder, steps: tuple[EpilogueStep, ...]) -> Activation:
        tensor = b.tensors[source.tensor]
        channels = tensor.shape[-1]
        known = None if tensor.dtype == "float32" else b.quantizer(source.tensor)
        unit = np.full(channels, 1.0 if known is None else known.scale)
        epilogue = FloatEpilogue(unit, np.ones(channels, np.int64), steps, coder)
        with b.at(replace(record, outputs=b.node.outputs)):
            attributes = Quantize(epilogue=epilogue)
            made = b.add_node("quantize", attributes, (source.tensor,), tensor.shape)
        b.set_quantizer(made, quantizer_of(coder))
        b.set_code_range(made, epilogue.low, epilogue.high)
        return replace(source, tensor=made, real=True, unsigned=coder.offset != 0)

    def to_numbers(steps: tuple[EpilogueStep, ...]) -> Activation:
        tensor = b.tensors[source.tensor]
        if tensor.dtype == "float32":
            raise Unreadable("is computed in float32", f"by {record.place}", "quantize the input")
        known, count = b.known_quantizer(source.tensor), tensor.shape[-1]
        least = np.full(count, -128 - known.zero_point)
        attributes = Sums(least=least, unit=np.full(count, known.scale), steps=steps)
        with b.at(record):
            made = b.add_node("sums", attributes, (source.tensor,), tensor.shape, "float32")
        return replace(source, tensor=made, real=True, unsigned=False)

    return Pending(
        record.place, x.shape, not_fused, to_codes=to_codes, to_numbers=to_numbers, axis=axis
    )


def stepped(b: Builder, value: Pending, kind: str, *constants: np.ndarray) -> Pending:
    """A pending result with one more step; constants broadcast to its shape as in NumPy."""
    if value.to_codes is None:
        what = f"follows {value.place}, which is not quantized"
        raise Unreadable(what, "", "put a Quant between them")
    if kind != "clip":  # whose bounds may be infinite
        constants = tuple(checked(constant, "a constant") for constant in constants)
    step = EpilogueStep(kind, tuple(_along(value, constant) for constant in constants))
    if value.views and (step.sign < 0).any():
        what = "has negative factors after a pooling or a change of shape"
        raise Unreadable(what, "", "put the quantization before it, or make them positive")
    return replace(value, steps=(*value.steps, step), made={})


def _along(value: Pending, constant: np.ndarray) -> np.ndarray:
    """A constant as ``[]`` or ``[channels]``; raises ``Unreadable`` for any other."""
    if constant.size == 1:
        return np.reshape(constant, ())
    shape = (1,) * (len(value.shape) - constant.ndim) + constant.shape
    varying = [axis for axis, size in enumerate(shape) if size > 1]
    axis = value.axis
    if axis is None or len(shape) != len(value.shape) or varying != [axis]:
        what = f"has a constant of {constant.shape} for a tensor of {value.shape}"
        raise Unreadable(what, "", "use one number, or one for each channel")
    if shape[axis] != value.shape[axis]:
        raise Unreadable(f"has {constant.size} numbers for {value.shape[axis]} channels")
    return constant.reshape(-1)


def coded(b: Builder, value: Pending, coder: Coder) -> Activation:
    """The codes of a pending result, as the real numbers that they stand for."""
    if value.to_codes is None:
        remedy = "use operators that low-bit networks have"
        raise Unreadable(f"quantizes {value.place}, which has no exact sums", "", remedy)
    if coder not in value.made:
        made = value.to_codes(coder, value.steps)
        for view in value.views:
            made = view(made)
        value.made[coder] = made
    return value.made[coder]
