"""A small network that always is the same, for tests of what is around a core."""

from types import MappingProxyType

import numpy as np

from accel.compiler.ir import Graph, Node, Tensor
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.verify import verify
from tests.models import per_tensor

SHAPE = (1, 5, 6, 4)


def two_convolutions() -> Graph:
    """Of 3x3 and four channels each; what the second one writes lies where the input was."""
    random = np.random.default_rng(2026)
    tensors = [Tensor(name="x", shape=SHAPE, dtype="int8", quantization=per_tensor(0.5, -7))]
    nodes = []
    for index, (source, output) in enumerate((("x", "y"), ("y", "z"))):
        weights = random.integers(-127, 128, (4, 3, 3, 4)).astype(np.int8)
        bias = random.integers(-3000, 3000, 4).astype(np.int32)
        w, b = f"w{index}", f"b{index}"
        q = per_tensor(0.01, 0)
        tensors += [
            Tensor(name=w, shape=weights.shape, dtype="int8", quantization=q, data=weights),
            Tensor(name=b, shape=bias.shape, dtype="int32", data=bias),
            Tensor(name=output, shape=SHAPE, dtype="int8", quantization=per_tensor(2.5, 5)),
        ]
        node = Node(
            name=f"conv_{index}",
            operator="conv2d",
            inputs=(source, w, b),
            outputs=(output,),
            attributes=Conv2d(padding=((1, 1), (1, 1))),
        )
        nodes.append(node)
    graph = Graph(
        name="small",
        tensors=MappingProxyType({tensor.name: tensor for tensor in tensors}),
        nodes=tuple(nodes),
        inputs=("x",),
        outputs=("z",),
    )
    verify(graph)
    return graph


def images(count: int) -> np.ndarray:
    """int8 ``[count, ...]`` for it, no two alike."""
    return np.random.default_rng(7).integers(-128, 128, (count, *SHAPE[1:])).astype(np.int8)
