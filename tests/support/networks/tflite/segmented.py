"""Random TFLite networks in which the driver computes between layers of the core: sequences of
steps and channels, dense layers among softmax, products of two tensors, and what moves codes."""

import random

import numpy as np

from tests.support.networks.tflite.files import File

STEPS = (4, 5, 6, 8)
CHANNELS = (4, 6, 8, 12)
KINDS = "dense dense dense tanh softmax softmax matmul matmul add mul cumsum square turn view join"


class Sequence:
    """A network that grows operator by operator from one input ``[1, steps, channels]``.

    ``wide`` has layers whose weights are more than a small core's memory, on many steps.
    """

    def __init__(self, seed: int, wide: bool = False) -> None:
        self.chance, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.file, self.widths = File(), (32, 48) if wide else CHANNELS
        steps = (24, 32) if wide else STEPS
        shape = (1, self.chance.choice(steps), self.chance.choice(CHANNELS))
        self.last = self.input = self.file.input(shape, "int8", 0.02, 5)
        self.kept = [self.last]
        self.dense()
        self.softmax()
        for _ in range(self.chance.randint(3, 8)):
            getattr(self, self.chance.choice(KINDS.split()))()
        self.dense()
        others = [one for one in self.kept[1:-1] if self.chance.random() < 0.15][:2]
        self.file.ends(self.last, *others)

    def shape(self, tensor: int) -> list[int]:
        return list(self.file.graph.tensors[tensor].shape)

    def scale(self, tensor: int) -> tuple[float, int]:
        q = self.file.graph.tensors[tensor].quantization
        return q.scale[0], q.zeroPoint[0]

    def put(self, kind: str, inputs: list[int], output: int, options: str = "", **fields) -> None:
        self.last = self.file.operator(kind, inputs, [output], options, **fields)
        self.kept.append(self.last)

    def new(self, shape: list[int], scale: float, zero: int | None = None) -> int:
        zero = self.chance.randint(-20, 20) if zero is None else zero
        return self.file.tensor(shape, "int8", float(np.float32(scale)), zero)

    def dense(self) -> None:
        f, (_, steps, depth), width = (
            self.file,
            self.shape(self.last),
            self.chance.choice(self.widths),
        )
        scale = self.scale(self.last)[0]
        weights = f.constant(self.rng.integers(-127, 128, (width, depth)), "int8", scale=0.01)
        bias = f.constant(self.rng.integers(-2000, 2000, width), scale=scale * np.float32(0.01))
        output = self.new([1, steps, width], scale * 0.012 * 5476 * depth**0.5 / 50)
        inputs = [self.last, weights, bias]
        self.put("FULLY_CONNECTED", inputs, output, "FullyConnectedOptions", keepNumDims=True)

    def tanh(self) -> None:
        self.put("TANH", [self.last], self.new(self.shape(self.last), 1 / 128, 0))

    def softmax(self) -> None:
        output = self.new(self.shape(self.last), 1 / 256, -128)
        self.put("SOFTMAX", [self.last], output, "SoftmaxOptions", beta=1.0)

    def matmul(self) -> None:
        """By one that fits, if there is any, and else by itself."""
        _, rows, depth = self.shape(self.last)
        others = [one for one in self.kept if self.shape(one)[1] == depth]
        flip = not others or self.chance.random() < 0.5
        others = [one for one in self.kept if self.shape(one)[2] == depth] if flip else others
        other = self.chance.choice(others)
        columns = self.shape(other)[1 if flip else 2]
        scale = self.scale(self.last)[0] * self.scale(other)[0] * 5476 * depth**0.5 / 50
        output = self.new([1, rows, columns], scale)
        fields = {"adjX": False, "adjY": flip}
        self.put("BATCH_MATMUL", [self.last, other], output, "BatchMatMulOptions", **fields)

    def _pair(self, kind: str, scale: float, options: str) -> None:
        alike = [one for one in self.kept if self.shape(one) == self.shape(self.last)]
        pair = [self.last, self.chance.choice(alike)]
        self.chance.shuffle(pair)
        self.put(kind, pair, self.new(self.shape(self.last), scale), options)

    def add(self) -> None:
        self._pair("ADD", self.scale(self.last)[0] * 1.3, "AddOptions")

    def mul(self) -> None:
        self._pair("MUL", self.scale(self.last)[0] * 0.7, "MulOptions")

    def square(self) -> None:
        scale = max(self.scale(one)[0] for one in self.kept) ** 2 * 150
        self._pair("SQUARED_DIFFERENCE", scale, "SquaredDifferenceOptions")

    def cumsum(self) -> None:
        inputs = [self.last, self.file.constant(self.chance.choice((1, 2)))]
        output = self.new(self.shape(self.last), self.scale(self.last)[0] * 3)
        self.put("CUMSUM", inputs, output, "CumsumOptions", exclusive=False, reverse=False)

    def turn(self) -> None:
        _, steps, depth = self.shape(self.last)
        output = self.file.tensor([1, depth, steps], "int8", *self.scale(self.last))
        inputs = [self.last, self.file.constant([0, 2, 1])]
        self.put("TRANSPOSE", inputs, output, "TransposeOptions")

    def view(self) -> None:
        _, steps, depth = self.shape(self.last)
        shape = [1, steps * 2, depth // 2] if depth % 2 == 0 else [1, depth, steps]
        output = self.file.tensor(shape, "int8", *self.scale(self.last))
        self.put("RESHAPE", [self.last, self.file.constant(shape)], output, "ReshapeOptions")

    def join(self) -> None:
        """With an earlier tensor of as many steps and the same scale, if only itself."""
        scale, (_, steps, depth) = self.scale(self.last), self.shape(self.last)
        alike = [t for t in self.kept if self.scale(t) == scale and self.shape(t)[1] == steps]
        other = self.chance.choice(alike)
        if depth + self.shape(other)[2] > 2 * max(self.widths):
            return
        output = self.file.tensor([1, steps, depth + self.shape(other)[2]], "int8", *scale)
        pair = [other, self.last]
        self.put("CONCATENATION", pair, output, "ConcatenationOptions", axis=2)

    def samples(self, count: int) -> np.ndarray:
        shape = (count, *self.shape(self.input)[1:])
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def bytes(self) -> bytes:
        return self.file.bytes()
