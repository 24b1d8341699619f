"""Networks that exercise one part of a core each, and say which element computes which output.

All are convolutions of one row of positions with a kernel of one position, or of as many rows as
the reduction is cut into: position ``p`` is computed in row ``p % rows`` of the array, and the
compiled layer says in which column each channel is.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.add import Add
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.tanh import Tanh
from accel.compiler.program.program import CoreProgram
from accel.config import AcceleratorConfig

_SHIFTS = (0, 7)  # of the outputs of products: their low bits, and their high ones
_GROUPS = 24  # of channels, of the network of channel parameters
_MARKED_GROUPS = 7
_MOST_CLASSES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """A compiled network and what it is given. ``title`` is what it exercises."""

    title: str
    program: CoreProgram
    inputs: dict[str, np.ndarray]


def _tensor(name: str, shape: tuple[int, ...], scale: float = 1.0, **more: Any) -> Tensor:
    q = Quantization(scale=(float(np.float32(scale)),), zero_point=(0,))
    return Tensor(name=name, shape=shape, quantization=q, **{"dtype": "int8", **more})


def _graph(name: str, tensors: list[Tensor], nodes: list[Node], output: str) -> Graph:
    inputs = [
        t.name for t in tensors if not t.constant and not any(t.name in n.outputs for n in nodes)
    ]
    graph = Graph(
        name=name,
        tensors=MappingProxyType({tensor.name: tensor for tensor in tensors}),
        nodes=tuple(nodes),
        inputs=tuple(inputs),
        outputs=(output,),
    )
    verify(graph)
    return graph


def convolution(
    title: str,
    config: AcceleratorConfig,
    x: np.ndarray,
    weights: np.ndarray,
    *,
    scales: np.ndarray | float = 1.0,
    bias: np.ndarray | None = None,
) -> Pattern:
    """A layer of ``x`` ``[parts, positions, depth]`` and weights ``[channels, parts, depth]``.

    Outputs ``[1, positions, channels]`` are the sums times ``scales``, of each channel or of all.
    Raises what the compiler does.
    """
    parts, positions, depth = x.shape
    channels = len(weights)
    factors = np.broadcast_to(np.asarray(scales, np.float32), (channels,))
    q = Quantization(scale=tuple(map(float, factors)), zero_point=(0,) * channels)
    kernel = weights.reshape(channels, parts, 1, depth).astype(np.int8)
    tensors = [
        _tensor("x", (1, parts, positions, depth)),
        Tensor(name="w", shape=kernel.shape, dtype="int8", quantization=q, data=kernel),
        _tensor("y", (1, 1, positions, channels)),
    ]
    if bias is not None:
        values = bias.astype(np.int32)
        tensors.append(
            Tensor(name="b", shape=(channels,), dtype="int32", quantization=q, data=values)
        )
    inputs = ("x", "w") if bias is None else ("x", "w", "b")
    node = Node(name="y", operator="conv2d", inputs=inputs, outputs=("y",), attributes=Conv2d())
    code = compile_graph(_graph(title, tensors, [node], "y"), config)
    return Pattern(title=title, program=code, inputs={"x": x[None].astype(np.int8)})


def channel_parameters(config: AcceleratorConfig) -> Pattern:
    """All activations are 0: the codes are those of the channels' biases, whatever the array's
    weights are. Biases and divisors are of all sizes."""
    random, channels = np.random.default_rng(3), _GROUPS * config.columns
    sizes = random.uniform(2, config.sum_bits - 3, channels)
    bias = np.rint(2**sizes) * random.choice([-1, 1], channels)
    scales = random.uniform(20, 120, channels) / np.abs(bias)
    x = np.zeros((1, 2 * config.rows, config.rows))
    weights = _chosen(config, random, (channels, 1, config.rows))
    return convolution(
        "channel parameters", config, x, weights, scales=np.minimum(scales, 8), bias=bias
    )


def marked_channels(config: AcceleratorConfig) -> Pattern:
    """All activations are 0, and the code of each channel is another one: so it is seen which
    group's parameters an output was computed with. The last tile has rows without a position."""
    groups = min(_MARKED_GROUPS, 256 // config.columns) or 1
    number = np.arange(groups * config.columns)
    x = np.zeros((1, 3 * config.rows - 1, config.rows))
    weights = _chosen(config, np.random.default_rng(10), (len(number), 1, config.rows))
    return convolution("marked channels", config, x, weights, bias=(number * 37 + 11) % 256 - 128)


def products(config: AcceleratorConfig) -> list[Pattern]:
    """A single activation of each position is not 0, and a power of two; so are the weights.

    So each element multiplies each bit of an activation by each bit of a weight, of either sign.
    """
    rows, columns = config.rows, config.columns
    values = _values(config)
    powers = [v for bit in range(8) for v in (1 << bit, -(1 << bit)) if -128 <= v <= 127]
    weights = np.array([v for v in powers if v in values] or values[values != 0][:8])
    x = np.zeros((1, len(powers) * rows, rows))
    for tile, value in enumerate(powers):
        for row in range(rows):
            x[0, tile * rows + row, (tile + row) % rows] = value
    words = -(-len(weights) * columns // rows)
    most = max(1, config.bank_words // (2 * rows * words)) * rows  # positions that memory holds
    w = np.repeat(weights, columns)[:, None, None] * np.ones((1, 1, rows))
    return [
        convolution(
            f"products, from bit {shift} on", config, x[:, at : at + most], w, scales=2.0**-shift
        )
        for shift in _SHIFTS
        for at in range(0, x.shape[1], most)
    ]


def sums(config: AcceleratorConfig) -> Pattern:
    """Long sums of small products of either sign: all low bits of an accumulator change, and all
    high ones are its sign."""
    random, rows = np.random.default_rng(4), config.rows
    x = random.integers(-2, 3, (1, 8 * rows, 8 * rows))
    values = _values(config)
    small = values[np.abs(values) <= 3]
    return convolution("sums", config, x, random.choice(small, (4 * config.columns, 1, 8 * rows)))


def weight_buffer(config: AcceleratorConfig) -> list[Pattern]:
    """Fills both halves of the weight buffer, or as much as there is memory for.

    Activations are 1 in the steps of one class and 0 elsewhere; weights of a class add up to almost
    nothing, so that one wrong bit of a weight is seen. In the second pattern each weight is the
    inverse of that in the first one, and in the third and fourth the classes are other ones.
    """
    steps, failure = config.weight_steps // 2, None
    while steps >= 4 * config.rows:
        try:
            return _filled(config, steps)
        except (CannotCompile, DoesNotFit) as problem:
            steps, failure = steps // 2, problem
    assert failure is not None
    raise failure


def _filled(config: AcceleratorConfig, steps: int) -> list[Pattern]:
    rows, columns = config.rows, config.columns
    depth = min(steps, 128 * rows) // rows * rows
    parts = steps // depth
    room = config.bank_words * rows // 2
    classes = max(rows, min(_MOST_CLASSES, room // (parts * depth)) // rows * rows)
    number = np.arange(parts * depth)
    found = []
    for name, members in (("k %", number % classes), ("k //", number * classes // len(number))):
        x = (members[None, :] == np.arange(classes)[:, None]).reshape(classes, parts, depth)
        first = _cancelling(config, members, 2 * columns)
        for title, w in (("", first), (" inverted", _partner(config, first))):
            pattern = convolution(
                f"weights, classes {name} {classes}{title}",
                config,
                x.transpose(1, 0, 2),
                w.reshape(2 * columns, parts, depth),
            )
            if pattern.program.flash:
                raise DoesNotFit("the weights have no room in memory")
            found.append(pattern)
    return found


def _cancelling(config: AcceleratorConfig, members: np.ndarray, channels: int) -> np.ndarray:
    """Weights ``[channels, steps]``, random, but half of a class are the partners of the others.

    They are so small that their sums are proved to stay within an accumulator: a weight and its
    inverse have every bit at 0 and at 1 whatever they are. Partners are anywhere in their class:
    steps that are read in place of others do not add up to the same.
    """
    random = np.random.default_rng(5)
    values = _values(config)
    most = max(1, (1 << config.sum_bits - 1) // 128 // len(members))
    usable = values[np.isin(_partner_of(values, values), values) & (np.abs(values) <= most)]
    w = random.choice(usable, (channels, len(members)))
    for member in np.unique(members):
        steps = random.permutation(np.flatnonzero(members == member))
        pairs = len(steps) // 2
        w[:, steps[1 : 2 * pairs : 2]] = _partner(config, w[:, steps[0 : 2 * pairs : 2]])
    return w


def _partner(config: AcceleratorConfig, w: np.ndarray) -> np.ndarray:
    return _partner_of(w, _values(config))


def _partner_of(w: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The weight with all bits inverted, or in formats without it the negative one."""
    whole = np.isin(-1 - values, values).all()
    return -1 - w if whole else -w


def tables(config: AcceleratorConfig) -> tuple[list[Pattern], Pattern]:
    """Every entry of the first lookup table of each requantizer, by what is computed with it alone;
    and an addition, which takes both tables.

    Position ``p`` of channel ``c`` has the code ``orders[p, c]`` of its first operand.
    """
    channels, failure = config.columns, None
    while channels:
        try:
            return _looked_up(config, channels)
        except (CannotCompile, DoesNotFit) as problem:
            channels, failure = channels // 2, problem
    assert failure is not None
    raise failure


def _looked_up(config: AcceleratorConfig, channels: int) -> tuple[list[Pattern], Pattern]:
    random, shape = np.random.default_rng(6), (1, 16, 16, channels)
    codes = np.repeat(np.arange(-128, 128, dtype=np.int8)[:, None], channels, axis=1)
    a, b = (random.permuted(codes, axis=0).reshape(shape) for _ in range(2))
    found = []
    for scale in (0.02, 0.004):
        tensors = [_tensor("a", shape, scale), _tensor("y", shape, 1 / 128)]
        node = Node(name="y", operator="tanh", inputs=("a",), outputs=("y",), attributes=Tanh())
        code = compile_graph(_graph("first table", tensors, [node], "y"), config)
        found.append(Pattern(title="first lookup table", program=code, inputs={"a": a}))
    tensors = [_tensor("a", shape, 0.011), _tensor("b", shape, 0.005), _tensor("y", shape, 0.009)]
    node = Node(name="y", operator="add", inputs=("a", "b"), outputs=("y",), attributes=Add())
    code = compile_graph(_graph("both tables", tensors, [node], "y"), config)
    return found, Pattern(title="both lookup tables", program=code, inputs={"a": a, "b": b})


def _values(config: AcceleratorConfig) -> np.ndarray:
    """The weights that a byte of a model can hold and the format has."""
    values = np.unique(np.asarray(config.number_format.values))
    return values[(values >= -128) & (values <= 127)]


def _chosen(config: AcceleratorConfig, random: np.random.Generator, shape: Any) -> np.ndarray:
    return random.choice(_values(config), shape)
