"""Random networks that end with a layer which ONNX Runtime computes in float32.

Scales are such that many sums are near exact halves, where the order of additions decides codes.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, load_from_string

from tests.support.networks.onnx.draw import Draw

WEIGHTS = 0.01, 0.1, 0.05, 0.02, 0.0123


class FloatSumsDraw(Draw):
    """A Relu, which the core computes, and the layer after it."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__(random)
        self.codes_in = self.chance(0.5)
        self.opset = 21
        self.four_bits: list[Any] = []
        self.batch = 1

    def source(self, shape: tuple[int, ...]) -> str:
        """Codes that a Relu makes, as real numbers."""
        self.scale = self.one_of(0.06, 0.03, 0.05, float(np.float32(self.random.uniform(0.01, 1))))
        name, q = f"x{len(self.ports)}", self.quantization(self.scale, np.int8)
        if self.codes_in:
            self.ports[name] = shape, np.dtype(np.int8)
            real = self.add("DequantizeLinear", [name, *q])
        else:
            self.ports[name] = shape, np.dtype(np.float32)
            real = self.add("DequantizeLinear", [self.add("QuantizeLinear", [name, *q]), *q])
        q = self.quantization(self.scale, self.one_of(np.int8, np.uint8))
        codes = self.add("QuantizeLinear", [self.add("Relu", [real]), *q])
        return self.add("DequantizeLinear", [codes, *q])

    def again(self, real: str) -> str:
        """Quantize, with the scale of before, so that many sums are near exact halves."""
        q = [self.constant(self.scale, np.float32), self.constant(128, np.uint8)]
        return self.add("DequantizeLinear", [self.add("QuantizeLinear", [real, *q]), *q])

    def weights(self, shape: tuple[int, ...], bits: int, axis: int = 0) -> str:
        """Weights with one scale, or with one for each index along ``axis``."""
        scales: Any = self.one_of(*WEIGHTS)
        attributes = {}
        if self.chance(0.4):
            scales = self.random.choice(WEIGHTS, shape[axis])
            attributes["axis"] = axis
        scale = self.constant(scales, np.float32)
        if bits == 8:
            codes = self.constant(self.random.integers(-128, 128, shape), np.int8)
            return self.add("DequantizeLinear", [codes, scale], **attributes)
        kind = self.one_of(TensorProto.INT4, TensorProto.UINT4)
        low, high = (-8, 7) if kind == TensorProto.INT4 else (0, 15)
        values = self.random.integers(low, high + 1, int(np.prod(shape)))
        name = self.name("w")
        self.four_bits.append(helper.make_tensor(name, kind, shape, values))
        zero = self.name("z")
        zeros = np.full(np.shape(scales), self.one_of(low, high, low + 7))
        self.four_bits.append(helper.make_tensor(zero, kind, zeros.shape, zeros.reshape(-1)))
        self.constants[zero + "_"] = np.zeros(1, np.float32)  # the names that follow are others
        return self.add("DequantizeLinear", [name, scale, zero], **attributes)

    def bias(self, count: int) -> list[str]:
        if self.chance(0.5):
            return []
        return [self.constant(self.random.uniform(-1, 1, count), np.float32)]

    def ended(self, real: str, terms: int) -> "FloatSumsDraw":
        if self.chance(0.3):
            real = self.add("Relu", [real])
        steps = self.one_of(1, 1, 2, 5)
        scale = float(np.float32(self.scale * steps * max(1, terms // 16)))
        q = self.quantization(scale, self.one_of(np.int8, np.uint8))
        codes = self.add("QuantizeLinear", [real, *q])
        self.outputs[self.add("DequantizeLinear", [codes, *q])] = np.dtype(np.float32)
        return self

    def bytes(self) -> bytes:
        model = load_from_string(super().bytes())
        model.ir_version = 10
        model.graph.initializer.extend(self.four_bits)
        for port in model.graph.input:
            port.type.tensor_type.shape.dim[0].dim_value = self.batch
        return model.SerializeToString()


def convolution(random: np.random.Generator) -> FloatSumsDraw:
    d = FloatSumsDraw(random)
    rank, groups = d.one_of(3, 4, 4), d.one_of(1, 1, 2)
    inner, out = d.size(1, 9), d.size(1, 9)
    if d.chance(0.2):
        groups, inner, out = d.one_of(3, 6), 1, d.one_of(1, 2)
    side = tuple(d.size(1, 8) for _ in range(rank - 2))
    kernel = [d.size(1, 3) for _ in side]
    pads = [d.one_of(0, 1) for _ in side] * 2
    dilations = [d.one_of(1, 1, 2) for _ in side]
    for axis, (k, dilation) in enumerate(zip(kernel, dilations, strict=True)):
        if side[axis] + 2 * pads[axis] < (k - 1) * dilation + 1:
            kernel[axis] = 1
    real = d.source((inner * groups, *side))
    weights = d.weights((out * groups, inner, *kernel), 4)
    attributes = {
        "pads": pads,
        "dilations": dilations,
        "strides": [d.one_of(1, 1, 2) for _ in side],
        "group": groups,
    }
    sums = d.add("Conv", [real, weights, *d.bias(out * groups)], **attributes)
    return d.ended(sums, inner * int(np.prod(kernel)))


def transposed(random: np.random.Generator) -> FloatSumsDraw:
    d = FloatSumsDraw(random)
    rank, groups = d.one_of(3, 4, 4), d.one_of(1, 1, 2)
    inner, out, bits = d.one_of(1, 3, 8, 40, 70), d.size(1, 4), d.one_of(4, 8, 8)
    side = tuple(d.size(1, 5) for _ in range(rank - 2))
    kernel = [d.size(1, 4) for _ in side]
    strides = [d.size(1, 3) for _ in side]
    real = d.source((inner * groups, *side))
    weights = d.weights((inner * groups, out, *kernel), bits, axis=1)
    attributes: dict[str, Any] = {
        "strides": strides,
        "group": groups,
        "dilations": [d.one_of(1, 1, 2) for _ in side],
    }
    if d.chance(0.5):
        attributes["output_padding"] = [d.size(0, s - 1) for s in strides]
    if d.chance(0.5) and all(k > 2 for k in kernel):
        attributes["pads"] = [1] * (2 * len(side))
    sums = d.add("ConvTranspose", [real, weights, *d.bias(out * groups)], **attributes)
    return d.ended(sums, inner * (16 if bits == 8 else 1))


def product(random: np.random.Generator) -> FloatSumsDraw:
    d = FloatSumsDraw(random)
    depth, out = d.one_of(1, 3, 4, 17, 60, 130, 300), d.one_of(1, 2, 3, 7, 12, 20)
    gemm = d.chance(0.5)
    rows = () if gemm or d.chance(0.5) else (d.size(1, 5),)
    if rows or d.chance(0.6):
        real = d.source((*rows, depth))
    else:  # our own order of values is another one
        real, depth = d.source((4, 3, 4)), 24
        real = d.again(d.add("MaxPool", [real], kernel_shape=[2, 2]))
        real = d.again(d.add("Flatten", [real]))
    if not gemm:
        sums = d.add("MatMul", [real, d.weights((depth, out), 4, axis=1)])
        if bias := d.bias(out):
            name = bias[0]
            # With rows, the runtime cannot load its own form of a bias of one dimension.
            shape = d.one_of((1, 1, out), ()) if rows else d.one_of((out,), (out,), (1, out), ())
            d.constants[name] = np.resize(d.constants[name], shape)
            sums = d.add("Add", [sums, name])
    else:
        across = d.one_of(0, 1)
        shape = (out, depth) if across else (depth, out)
        weights = d.weights(shape, 4, axis=1 - across)
        sums = d.add("Gemm", [real, weights, *d.bias(out)], transB=across)
    d.batch = d.one_of(1, 1, 3) if out > 1 else 1
    return d.ended(sums, depth)
