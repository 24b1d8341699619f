"""Random networks with states: any network, with values of inferences before put into it.

What a node makes goes on as it was one or more inferences ago, or combined with that, or moved on
in a window; tensors are exchanged between states, leave the network, and are written late.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph, Node, State, Tensor
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.minimum import Minimum
from accel.compiler.operators.slice import Slice
from tests.support.networks.tflite import operators
from tests.support.networks.tflite.typical import networks

MOST_STATES = 3


class _Growing:
    """A network into which states are put, one after another."""

    def __init__(self, graph: Graph, chance: random.Random) -> None:
        self.graph, self.chance = graph, chance
        self.rng = np.random.default_rng(chance.randrange(2**32))
        self.count = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"

    def tensor(self, like: Tensor, kind: str, shape: tuple[int, ...] | None = None) -> Tensor:
        made = replace(like, name=self.name(kind), shape=shape or like.shape, data=None)
        self.graph = self.graph.replace(tensors={**self.graph.tensors, made.name: made})
        return made

    def node(self, operator: str, attributes: object, inputs: list[Tensor], out: Tensor) -> Node:
        return Node(
            name=self.name(f"state_{operator}"),
            operator=operator,
            inputs=tuple(tensor.name for tensor in inputs),
            outputs=(out.name,),
            attributes=attributes,
            source="",
        )

    def state(self, like: Tensor, written: str) -> Tensor:
        """A new state of a tensor's shape, which becomes ``written``."""
        read = self.tensor(like, "read")
        self.becomes(read, written)
        return read

    def becomes(self, read: Tensor, written: str) -> None:
        shape, zero = read.shape, read.quantization.zero_point[0]
        begins = self.rng.integers(-128, 128, shape).astype(np.int8)
        initial = begins if self.chance.random() < 0.5 else np.full(shape, zero, np.int8)
        state = State(name=self.name("state"), read=read.name, written=written, initial=initial)
        self.graph = self.graph.replace(states=(*self.graph.states, state))

    def insert(self, after: str, nodes: list[Node], instead: str) -> None:
        """Put nodes behind a tensor's producer; what has read the tensor reads ``instead``."""
        old, own = list(self.graph.nodes), {node.name for node in nodes}
        at = next((i + 1 for i, node in enumerate(old) if after in node.outputs), 0)
        changed = [
            replace(node, inputs=tuple(instead if name == after else name for name in node.inputs))
            for node in old[at:]
        ]
        assert not own & {node.name for node in old}
        self.graph = self.graph.replace(nodes=(*old[:at], *nodes, *changed))


def _delayed(g: _Growing, tensor: Tensor) -> None:
    """The tensor as it was one to three inferences ago, by as many states."""
    written = tensor.name
    for _ in range(g.chance.randint(1, 3)):
        read = g.state(tensor, written)
        written = read.name
    g.insert(tensor.name, [], written)


def _combined(g: _Growing, tensor: Tensor) -> None:
    """The greater or the smaller one of now and before; of all, or of two inferences."""
    output = g.tensor(tensor, "combined")
    read = g.state(tensor, g.chance.choice((tensor.name, output.name)))
    kind = g.chance.choice((("maximum", Maximum()), ("minimum", Minimum())))
    operands = g.chance.sample((tensor, read), 2)
    g.insert(tensor.name, [g.node(*kind, operands, output)], output.name)


def _window(g: _Growing, tensor: Tensor) -> None:
    """A window of the last inferences along a dimension, of which the oldest part goes on."""
    axis = g.chance.randrange(1, len(tensor.shape))
    size = tensor.shape[axis]
    keep = g.chance.choice((size, 1, size + 1, 2 * size))
    before, after = tensor.shape[:axis], tensor.shape[axis + 1 :]
    whole = g.tensor(tensor, "window", (*before, keep + size, *after))
    kept = g.tensor(tensor, "kept", (*before, keep, *after))
    oldest = g.tensor(tensor, "oldest")
    read = g.state(kept, kept.name)
    nodes = [
        g.node("concatenation", Concatenation(axis=axis), [read, tensor], whole),
        g.node("slice", _part(kept, axis, size), [whole], kept),
        g.node("slice", _part(oldest, axis, 0), [whole], oldest),
    ]
    g.insert(tensor.name, nodes, oldest.name)


def _part(tensor: Tensor, axis: int, start: int) -> Slice:
    starts = tuple(start if index == axis else 0 for index in range(len(tensor.shape)))
    return Slice(starts=starts, sizes=tensor.shape, steps=(1,) * len(starts))


def _exchanged(g: _Growing, tensor: Tensor) -> None:
    """Two states that become each other, of which one takes part."""
    first = g.tensor(tensor, "read")
    second = g.state(tensor, first.name)
    g.becomes(first, second.name)
    output = g.tensor(tensor, "combined")
    g.insert(tensor.name, [g.node("maximum", Maximum(), [tensor, second], output)], output.name)


STEPS: tuple[Callable[[_Growing, Tensor], None], ...] = (
    _delayed,
    _combined,
    _combined,
    _window,
    _window,
    _exchanged,
)


def with_states(graph: Graph, seed: int) -> Graph:
    """The network with one to three states, of which an old or a new value may be an output."""
    g = _Growing(graph, random.Random(seed))
    for _ in range(g.chance.randint(1, MOST_STATES)):
        tensors = g.graph.tensors
        fit = [
            tensors[name]
            for node in g.graph
            for name in (*node.inputs[:1], *node.outputs)
            if tensors[name].dtype == "int8"
            and not tensors[name].constant
            and len(tensors[name].shape) >= 2
            and g.graph.consumers(name)
        ]
        if fit:
            g.chance.choice(STEPS)(g, g.chance.choice(fit))
    outputs = list(g.graph.outputs)
    for state in g.graph.states:
        chosen = g.chance.random()
        name = state.read if chosen < 0.15 else state.written if chosen < 0.3 else outputs[0]
        if name not in (*outputs, *g.graph.inputs):
            outputs.append(name)
    return g.graph.replace(outputs=tuple(outputs))


@st.composite
def state_networks(draw: st.DrawFn) -> Graph:
    """Networks as people train them, with states in them."""
    return with_states(draw(networks()), draw(operators.SEEDS))
