"""Random TFLite networks whose tensors begin with any dimension: rows of positions, time, none."""

import random

import numpy as np

from tests.support.networks.tflite.files import File

SHAPES = ((3, 4, 4), (12,), (6, 8), (2, 3, 4, 2), (4, 4, 3), (7, 12), (2, 2, 8))
MOST_VALUES = 600
_MOVES = "reshape reshape transpose concat squeeze expand slice split pack unpack pad gather"
KINDS = [*_MOVES.split(), "dense", "dense", "relu", "add", "vector", "mean", "most"]
KINDS += ["conv", "pool", "softmax"]


def factors(chance: random.Random, count: int, parts: int) -> list[int]:
    """A random shape of so many dimensions and elements."""
    sizes, divisor = [1] * parts, 2
    while count > 1:
        while count % divisor:
            divisor += 1
        sizes[chance.randrange(parts)] *= divisor
        count //= divisor
    return sizes


class Walk:
    """A network that grows operator by operator from one input."""

    def __init__(self, seed: int, batch: int = 1) -> None:
        self.chance, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.file, self.batch = File(), batch
        shape = (batch, *self.chance.choice(SHAPES))
        self.last = self.file.input(shape, "int8", 0.02, 3)
        self.input_shape, self.operators = shape, 0
        for _ in range(self.chance.randint(2, 6)):
            self.operators += self.step(self.chance.choice(KINDS))

    @property
    def shape(self) -> list[int]:
        return list(self.file.graph.tensors[self.last].shape)

    def like(self, shape: list[int]) -> int:
        q = self.file.graph.tensors[self.last].quantization
        return self.file.tensor(shape, "int8", q.scale[0], q.zeroPoint[0])

    def ints(self, *values: int) -> int:
        return self.file.constant(values)

    def put(self, kind: str, others: list[int], output: int, options: str = "", **fields) -> bool:
        """Add an operator that reads the last tensor, and go on with its output."""
        self.last = self.file.operator(kind, [self.last, *others], [output], options, **fields)
        return True

    def samples(self, count: int = 2) -> np.ndarray:
        shape = (count * self.batch, *self.input_shape[1:])
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def bytes(self) -> bytes:
        return self.file.ends(self.last).bytes()

    def step(self, kind: str) -> bool:
        """Add an operator, if it can follow; whether it did."""
        shape, size = self.shape, int(np.prod(self.shape))
        large = size > MOST_VALUES and kind in ("concat", "pack", "pad")
        return bool(shape) and not large and bool(getattr(self, f"_{kind}")(shape, len(shape)))

    # What follows, by kind; of the last tensor's shape and rank.

    def _reshape(self, shape: list[int], rank: int) -> bool:
        new = factors(self.chance, int(np.prod(shape)), self.chance.randint(1, 4))
        return self.put("RESHAPE", [self.ints(*new)], self.like(new))

    def _dense(self, shape: list[int], rank: int) -> bool:
        if rank != 2:
            return False
        count, depth = self.chance.choice((3, 5, 8)), shape[-1]
        weights = self.rng.integers(-127, 128, (count, depth)).astype(np.int8)
        others = [self.file.tensor((count, depth), "int8", 0.01, 0, weights), -1]
        output = self.file.tensor((shape[0], count), "int8", 0.0187 * np.sqrt(depth), 3)
        return self.put("FULLY_CONNECTED", others, output, "FullyConnectedOptions")

    def _transpose(self, shape: list[int], rank: int) -> bool:
        order = self.chance.sample(range(rank), rank)
        return self.put("TRANSPOSE", [self.ints(*order)], self.like([shape[a] for a in order]))

    def _relu(self, shape: list[int], rank: int) -> bool:
        return self.put("RELU", [], self.like(shape))

    def _add(self, shape: list[int], rank: int) -> bool:
        return self.put("ADD", [self.last], self.file.tensor(shape, "int8", 0.041, 1), "AddOptions")

    def _vector(self, shape: list[int], rank: int) -> bool:
        codes = self.rng.integers(-128, 128, shape[-1]).astype(np.int8)
        other = self.file.tensor(codes.shape, "int8", 0.02, 1, codes)
        return self.put("ADD", [other], self.file.tensor(shape, "int8", 0.041, 1), "AddOptions")

    def _concat(self, shape: list[int], rank: int) -> bool:
        axis = self.chance.randrange(rank)
        new = [n * (1 + (a == axis)) for a, n in enumerate(shape)]
        other = self.file.operator("RELU", [self.last], [self.like(shape)])
        return self.put("CONCATENATION", [other], self.like(new), "ConcatenationOptions", axis=axis)

    def _reduced(self, shape: list[int], rank: int) -> tuple[int, list[int], bool]:
        axes = self.chance.sample(range(rank), self.chance.randint(1, max(1, min(2, rank - 1))))
        keep = rank < 2 or self.chance.random() < 0.5
        new = [1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes]
        return self.ints(*axes), new, keep

    def _mean(self, shape: list[int], rank: int) -> bool:
        axes, new, keep = self._reduced(shape, rank)
        output = self.file.tensor(new, "int8", 0.011, 3)
        return self.put("MEAN", [axes], output, "ReducerOptions", keepDims=keep)

    def _most(self, shape: list[int], rank: int) -> bool:
        axes, new, keep = self._reduced(shape, rank)
        return self.put("REDUCE_MAX", [axes], self.like(new), "ReducerOptions", keepDims=keep)

    def _squeeze(self, shape: list[int], rank: int) -> bool:
        return self.put("SQUEEZE", [], self.like([n for n in shape if n > 1]), "SqueezeOptions")

    def _expand(self, shape: list[int], rank: int) -> bool:
        axis = self.chance.randint(0, rank)
        new = [*shape[:axis], 1, *shape[axis:]]
        return rank < 4 and self.put("EXPAND_DIMS", [self.ints(axis)], self.like(new))

    def _slice(self, shape: list[int], rank: int) -> bool:
        starts = [self.chance.randrange(n) for n in shape]
        sizes = [self.chance.randint(1, n - a) for n, a in zip(shape, starts, strict=True)]
        others = [self.ints(*starts), self.ints(*sizes)]
        return rank < 5 and self.put("SLICE", others, self.like(sizes))

    def _split(self, shape: list[int], rank: int) -> bool:
        axes = [axis for axis, n in enumerate(shape) if n % 2 == 0]
        if not axes:
            return False
        axis = self.chance.choice(axes)
        half = [n // 2 if a == axis else n for a, n in enumerate(shape)]
        parts = [self.like(half), self.like(half)]
        inputs = [self.file.constant(axis), self.last]
        self.last = self.file.operator("SPLIT", inputs, parts, "SplitOptions", numSplits=2)
        output = self.file.tensor(half, "int8", 0.041, 1)
        return self.put("ADD", [parts[1]], output, "AddOptions")

    def _pack(self, shape: list[int], rank: int) -> bool:
        axis = self.chance.randint(0, rank)
        fields = {"valuesCount": 2, "axis": axis}
        output = self.like([*shape[:axis], 2, *shape[axis:]])
        return rank < 4 and self.put("PACK", [self.last], output, "PackOptions", **fields)

    def _unpack(self, shape: list[int], rank: int) -> bool:
        axes = [axis for axis, n in enumerate(shape) if n <= 4]
        if rank < 2 or not axes:
            return False
        axis = self.chance.choice(axes)
        parts = [self.like([*shape[:axis], *shape[axis + 1 :]]) for _ in range(shape[axis])]
        fields = {"num": shape[axis], "axis": axis}
        self.file.operator("UNPACK", [self.last], parts, "UnpackOptions", **fields)
        self.last = self.chance.choice(parts)
        return True

    def _pad(self, shape: list[int], rank: int) -> bool:
        pairs = [[self.chance.randint(0, 1), self.chance.randint(0, 1)] for _ in shape]
        output = self.like([n + sum(pair) for n, pair in zip(shape, pairs, strict=True)])
        return rank <= 4 and self.put("PAD", [self.file.constant(pairs)], output)

    def _conv(self, shape: list[int], rank: int) -> bool:
        if rank != 4 or shape[0] > 6:
            return False
        weights = self.rng.integers(-127, 128, (3, 3, 3, shape[3])).astype(np.int8)
        scales = self.rng.uniform(0.008, 0.012, 3)
        others = [self.file.tensor(weights.shape, "int8", scales, 0, weights)]
        others.append(self.file.tensor((3,), "int32", data=np.zeros(3, np.int32)))
        output = self.file.tensor([*shape[:3], 3], "int8", 0.05, 3)
        fields = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        return self.put("CONV_2D", others, output, "Conv2DOptions", padding=0, **fields)

    def _pool(self, shape: list[int], rank: int) -> bool:
        if rank != 4 or shape[0] > 6 or min(shape[1:3]) < 2:
            return False
        output = self.like([shape[0], shape[1] - 1, shape[2] - 1, shape[3]])
        fields = {"strideH": 1, "strideW": 1, "filterHeight": 2, "filterWidth": 2}
        kind = self.chance.choice(("MAX_POOL_2D", "AVERAGE_POOL_2D"))
        return self.put(kind, [], output, "Pool2DOptions", padding=1, **fields)

    def _gather(self, shape: list[int], rank: int) -> bool:
        axis = self.chance.randrange(rank)
        indices = [self.chance.randrange(shape[axis]) for _ in range(self.chance.randint(1, 4))]
        output = self.like([len(indices) if a == axis else n for a, n in enumerate(shape)])
        return self.put("GATHER", [self.ints(*indices)], output, "GatherOptions", axis=axis)

    def _softmax(self, shape: list[int], rank: int) -> bool:
        if self.operators < 2:  # the core computes none, and what follows it
            return False
        output = self.file.tensor(shape, "int8", 1 / 256, -128)
        self.put("SOFTMAX", [], output, "SoftmaxOptions", beta=1.0)
        self.step = lambda kind: False  # type: ignore[method-assign]
        return True
