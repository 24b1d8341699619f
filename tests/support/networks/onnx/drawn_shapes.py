"""Random ONNX networks whose tensors begin with any dimension, each result quantized."""

import random

import numpy as np

from tests.support.networks.onnx.draw import Draw
from tests.support.networks.tflite.drawn_shapes import MOST_VALUES, SHAPES, factors

_KINDS = "reshape open gemm matmul matmul transpose relu add concat mean squeeze unsqueeze slice"
KINDS = [*_KINDS.split(), "split", "conv", "flatten", "max_pool", "softmax"]


class Walk(Draw):
    """A network that grows operator by operator from one input of real numbers or codes."""

    def __init__(self, seed: int, batch: int | None = None) -> None:
        super().__init__(np.random.default_rng(seed))
        self.choose, self.batch = random.Random(seed), batch or 1
        self.shape, self.type = [self.batch, *self.choose.choice(SHAPES)], self.dtype()
        self.fixed, self.first, self.exact = batch is not None, tuple(self.shape), False
        self.operators, self.ended, self.q = 0, False, [0.02, 5]
        self.codes_in = False
        self.last = self.coded_as(*self.q, "x0")
        for _ in range(self.choose.randint(2, 6)):
            kind = self.choose.choice(KINDS)
            large = int(np.prod(self.shape)) > MOST_VALUES and kind == "concat"
            if not self.ended and self.shape and not large:
                self.operators += getattr(self, f"_{kind}")(self.shape, len(self.shape))
        self.outputs[self.last] = np.dtype(np.float32)
        size = self.first[0] if self.fixed else self.choose.choice([1, -1, "n"])
        self.sizes = (size, *self.first[1:])

    def coded_as(self, scale: float, zero: int, real: str) -> str:
        """Real numbers after QuantizeLinear and DequantizeLinear."""
        self.q = [scale, zero]
        zero += 128 * (self.type == np.uint8)
        q = [self.constant(scale, np.float32), self.constant(zero, self.type)]
        return self.add("DequantizeLinear", [self.add("QuantizeLinear", [real, *q]), *q])

    def follow(self, kind: str, others: list[str], shape: list[int], scale=None, zero=None, **kw):
        """Add an operator that reads the last numbers, and go on with its quantized result."""
        real = self.add(kind, [self.last, *others], **kw)
        own = (self.q[0] if scale is None else scale, self.q[1] if zero is None else zero)
        self.last, self.shape = self.coded_as(*own, real), shape
        return True

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def weights(self, *shape: int) -> str:
        codes = self.constant(self.random.integers(-127, 128, shape), np.int8)
        scale, zero = self.constant(0.01, np.float32), self.constant(0, np.int8)
        return self.add("DequantizeLinear", [codes, scale, zero])

    def spread(self, terms: int) -> float:
        """An output scale at which sums of so many products spread over the codes."""
        near = self.random.uniform(0.8, 1.2)
        return float(np.float32(self.q[0] * 0.01 * 110 * np.sqrt(terms) * near))

    def bytes(self) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        source = helper.make_tensor_value_info("x0", TensorProto.FLOAT, self.sizes)
        output = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)
        constants = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "shapes", [source], [output], constants)
        opsets = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    def samples(self, count: int = 2) -> np.ndarray:
        shape = (count * self.batch, *self.first[1:])
        return self.random.uniform(-2.6, 2.4, shape).astype(np.float32)

    # What follows, by kind; of the last tensor's shape and rank.

    def _reshape(self, shape: list[int], rank: int) -> bool:
        new = factors(self.choose, int(np.prod(shape)), self.choose.randint(1, 4))
        return self.follow("Reshape", [self.integers(*new)], new)

    def _open(self, shape: list[int], rank: int) -> bool:
        new = factors(self.choose, int(np.prod(shape)), self.choose.randint(1, 4))
        return self.follow("Reshape", [self.integers(-1, *new[1:])], new)

    def _gemm(self, shape: list[int], rank: int) -> bool:
        if rank != 2:
            return False
        scale = self.spread(shape[1])
        return self.follow("Gemm", [self.weights(shape[1], 5)], [shape[0], 5], scale)

    def _matmul(self, shape: list[int], rank: int) -> bool:
        scale = self.spread(shape[-1])
        return self.follow("MatMul", [self.weights(shape[-1], 4)], [*shape[:-1], 4], scale)

    def _transpose(self, shape: list[int], rank: int) -> bool:
        order = self.choose.sample(range(rank), rank)
        return self.follow("Transpose", [], [shape[axis] for axis in order], perm=order)

    def _relu(self, shape: list[int], rank: int) -> bool:
        return self.follow("Relu", [], shape)

    def _add(self, shape: list[int], rank: int) -> bool:
        return self.follow("Add", [self.last], shape, self.q[0] * 2.187)

    def _concat(self, shape: list[int], rank: int) -> bool:
        axis = self.choose.randrange(rank)
        other = self.coded_as(*self.q, self.add("Relu", [self.last]))
        new = [n * (1 + (a == axis)) for a, n in enumerate(shape)]
        return self.follow("Concat", [other], new, axis=axis)

    def _mean(self, shape: list[int], rank: int) -> bool:
        axes = self.choose.sample(range(rank), self.choose.randint(1, max(1, min(2, rank - 1))))
        keep = int(rank < 2 or self.choose.random() < 0.5)
        new = [1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes]
        scale = self.q[0] * self.choose.choice((0.517, 0.743, 1.0731))
        return self.follow("ReduceMean", [], new, scale, axes=axes, keepdims=keep)

    def _squeeze(self, shape: list[int], rank: int) -> bool:
        return 1 in shape and self.follow("Squeeze", [], [n for n in shape if n > 1])

    def _unsqueeze(self, shape: list[int], rank: int) -> bool:
        axis = self.choose.randint(0, rank)
        new = [*shape[:axis], 1, *shape[axis:]]
        return rank < 4 and self.follow("Unsqueeze", [self.integers(axis)], new)

    def _slice(self, shape: list[int], rank: int) -> bool:
        axis = self.choose.randrange(rank)
        start = self.choose.randrange(shape[axis])
        end = self.choose.randint(start + 1, shape[axis])
        new = [end - start if a == axis else n for a, n in enumerate(shape)]
        return self.follow("Slice", [self.integers(v) for v in (start, end, axis)], new)

    def _split(self, shape: list[int], rank: int) -> bool:
        axes = [axis for axis, n in enumerate(shape) if n % 2 == 0]
        if not axes:
            return False
        axis, before = self.choose.choice(axes), self.q
        half = [n // 2 if a == axis else n for a, n in enumerate(shape)]
        self.add("Split", [self.last, self.integers(half[axis], half[axis])], axis=axis)
        node = self.nodes[-1]
        node.output.append(f"{node.output[0]}_second")
        first, second = (self.coded_as(*before, name) for name in node.output)
        self.last = first
        return self.follow("Add", [second], half, before[0] * 2.187)

    def _conv(self, shape: list[int], rank: int) -> bool:
        if rank != 4 or shape[0] > 6 or min(shape[2:]) < 3:
            return False
        scale, new = self.spread(9 * shape[1]), [shape[0], 3, *shape[2:]]
        return self.follow("Conv", [self.weights(3, shape[1], 3, 3)], new, scale, pads=[1] * 4)

    def _flatten(self, shape: list[int], rank: int) -> bool:
        axis = self.choose.randint(0, rank)
        new = [int(np.prod(shape[:axis])), int(np.prod(shape[axis:]))]
        return self.follow("Flatten", [], new, axis=axis)

    def _max_pool(self, shape: list[int], rank: int) -> bool:
        if rank != 4 or shape[0] > 6 or min(shape[2:]) < 2:
            return False
        new = [*shape[:2], shape[2] - 1, shape[3] - 1]
        return self.follow("MaxPool", [], new, kernel_shape=[2, 2])

    def _softmax(self, shape: list[int], rank: int) -> bool:
        self.ended = self.operators > 1  # the core computes none, and what follows it
        axis = self.choose.randrange(rank)
        batch = axis == 0 and shape[0] == 1 and not self.fixed
        self.ended &= not batch
        return self.ended and self.follow("Softmax", [], shape, 1 / 256, -128, axis=axis)
