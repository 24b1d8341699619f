"""Which nodes the core computes, and which the driver computes before, between and after them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..diagnostics import Reason
from ..ir.graph import Graph, Node, State
from ..ir.tensor_layout import layout_of
from ..operators import (
    OPERATORS,
    Binary,
    HostOnly,
    Index,
    Movement,
    OnCore,
    Product,
    UnsupportedOperator,
    place_of,
)
from ..operators._binary import NO_SUM, is_no_sum


@dataclass(frozen=True)
class Segment:
    """What the driver computes before a run of the core, and what the core does in the run.

    ``inputs`` are written before it: tensors of the network or of the driver that the core has not
    had before. ``outputs`` are the tensors of the core that are read after it.
    """

    driver: tuple[Node, ...]
    core: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Partition:
    """The segments in the order in which they run, at least one, and what the driver computes at
    last. Where the driver computes nothing between layers of the core there is one segment.

    The driver keeps the states in ``kept`` itself; all others are in the core's memory.
    """

    segments: tuple[Segment, ...]
    after: tuple[Node, ...]
    kept: tuple[State, ...] = ()

    @property
    def before(self) -> tuple[Node, ...]:
        """What the driver computes before the core's first layer."""
        return self.segments[0].driver

    @cached_property
    def core(self) -> tuple[Node, ...]:
        """All nodes of the core, in the order in which they run."""
        return tuple(node for segment in self.segments for node in segment.core)

    @cached_property
    def driver(self) -> tuple[Node, ...]:
        """All nodes of the driver, in the order in which they run."""
        before = tuple(node for segment in self.segments for node in segment.driver)
        return before + self.after

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The tensors that enter the core."""
        return tuple(name for segment in self.segments for name in segment.inputs)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The tensors that leave the core."""
        return tuple(name for segment in self.segments for name in segment.outputs)

    @cached_property
    def later(self) -> dict[str, int]:
        """Those of the inputs that are written before another segment than the first, and which."""
        segments = enumerate(self.segments)
        return {name: number for number, one in segments if number for name in one.inputs}


def partition(graph: Graph) -> Partition:
    """Give the driver what it can compute before and after the core, and what the core cannot.

    At the network's ends the driver takes all that it can: conversions from and to float, softmax,
    and what moves numbers before or after these. An operator whose result it only has to decode
    stays on the core. In between the core gets all that it can compute but for what moves codes to
    or from a node of the driver, where that costs no run of the core and no byte on the line more.
    """
    places = _Places(graph)
    between = places.between()
    return places.parted(between)


def kept_by_driver(graph: Graph) -> tuple[State, ...]:
    """The states that one node reads and writes, which only the driver can compute."""

    def own(state: State) -> bool:
        readers, maker = graph.consumers(state.read), graph.producer(state.written)
        alone = len(readers) == 1 and readers[0] is maker and state.read not in graph.outputs
        return alone and isinstance(OPERATORS[readers[0].operator], HostOnly)

    return tuple(state for state in graph.states if own(state))


def inside(graph: Graph) -> tuple[Node, ...]:
    """The nodes between layers of the core that only the driver can compute."""
    return _Places(graph).inside


def reasons_inside(graph: Graph) -> tuple[Reason, ...]:
    """Why these are refused where the driver may compute nothing inside the network."""
    return tuple(_reason(node, graph) for node in inside(graph))


def _reason(node: Node, graph: Graph) -> Reason:
    what = "cannot be computed by the core, only by the driver between two runs of it"
    remedy = "let it: leave out --no-host (Python's host=False); or end the network here"
    operator, why = OPERATORS[node.operator], ""
    if isinstance(operator, Movement):
        try:
            operator.lower(node, graph, layout_of(graph.tensor(node.inputs[0])))
        except UnsupportedOperator as error:
            why = error.args[0].what
    elif isinstance(operator, Binary):
        why = NO_SUM
    return Reason(place=place_of(node), what=what, why=why, remedy=remedy)


class _Places:
    """Where the nodes of a graph can be computed."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.own = kept_by_driver(graph)
        in_core = [state for state in graph.states if state not in self.own]
        self.states = {state.read for state in in_core}
        self.kept = {state.written for state in in_core}
        self.decoded = {node.name for node in graph.nodes if _only_decoded(node, graph)}
        at_core = [n for n in graph.nodes if n.name in self.decoded]
        after = _at_end(graph, at_core, self.kept)
        self.after = {node.name for node in after}
        self.before = {
            node.name
            for node in _at_start(graph, after, {*graph.inputs, *(one.read for one in self.own)})
        }
        self.makers = {name: node.name for node in graph.nodes for name in node.outputs}
        ends = self.before | self.after
        self.middle = [node for node in graph.nodes if node.name not in ends]
        self.inside = tuple(node for node in self.middle if self._only_driver(node))

    def _only_driver(self, node: Node) -> bool:
        """Whether the core cannot compute a node that the driver can."""
        operator = OPERATORS[node.operator]
        if isinstance(operator, HostOnly):
            return True
        if isinstance(operator, Product):
            return not node.attributes.on_core
        if isinstance(operator, Index):
            return node.name not in self.decoded
        if not _for_driver(node, self.graph):
            return False
        if isinstance(operator, Binary):
            return True
        tensors = [self.graph.tensor(name) for name in (*node.inputs[:1], *node.outputs)]
        if any(tensor.dtype != "int8" for tensor in tensors):
            return True
        return isinstance(operator, Movement) and not _lowers(node, operator, self.graph)

    def _movable(self, node: Node) -> bool:
        """Whether both can compute a node, and the driver does not mind: it moves codes."""
        operator = OPERATORS[node.operator]
        free = _at_host(node) or isinstance(operator, Movement)
        return free and not isinstance(operator, Index) and not self._only_driver(node)

    def between(self) -> set[str]:
        """The nodes that the driver computes between those of the core."""
        chosen = {node.name for node in self.inside}
        if not chosen:
            return chosen
        movable = {node.name: node for node in self.middle if self._movable(node)}
        sources = {
            node.name: [self.makers[name] for name in node.inputs if name in self.makers]
            for node in self.graph.nodes
        }
        best = self._cost(chosen)
        for node in self.inside:  # whole branches that only move codes to where they are needed
            cone: set[str] = set()
            waiting = [*sources[node.name]]
            while waiting:
                name = waiting.pop()
                if name in movable and name not in cone:
                    cone.add(name)
                    waiting += sources[name]
            cost = self._cost(chosen | cone)
            if cone and cost < best:
                chosen, best = chosen | cone, cost
        growing = True
        while growing:
            growing = False
            for name in movable:
                beside = any(other in chosen for other in sources[name])
                beside |= any(name in sources[other] for other in chosen)
                if name in chosen or not beside:
                    continue
                cost = self._cost(chosen | {name})
                if cost <= best:
                    chosen, best, growing = chosen | {name}, cost, True
        return chosen

    def _cost(self, between: Collection[str]) -> tuple[int, int]:
        """Runs of the core, and bytes that cross, where the driver computes these nodes."""
        parts = self.parted(between)
        crossing = {*parts.later, *parts.outputs}
        return len(parts.segments), sum(self.graph.tensor(name).size for name in crossing)

    def parted(self, between: Collection[str]) -> Partition:
        """The partition in which the driver computes these nodes between those of the core."""
        graph, driver = self.graph, self.before | self.after | {*between}
        level = self._levels(driver)
        returns = {self.makers[name] for name in self.kept if name in self.makers}
        count = 1 + max((level[n] for n in level if n not in driver or n in returns), default=0)
        core = [_of(graph, level, number, exclude=driver) for number in range(count)]
        last = {n for n in driver if n in self.after or level[n] >= count}
        made = {name for nodes in core for node in nodes for name in node.outputs} | self.states
        driven = [node for node in graph.nodes if node.name in driver]
        needed = {name for node in driven for name in node.inputs} | set(graph.outputs)
        inputs = self._inputs(core, made, level)
        segments = []
        for number, nodes in enumerate(core):
            computed = {name for node in nodes for name in node.outputs}
            computed |= set() if number else self.states
            segments.append(
                Segment(
                    driver=tuple(
                        n for n in driven if n.name not in last and level[n.name] == number
                    ),
                    core=nodes,
                    inputs=tuple(name for name in graph.tensors if inputs.get(name) == number),
                    outputs=tuple(n for n in graph.tensors if n in computed and n in needed),
                )
            )
        after = tuple(node for node in driven if node.name in last)
        return Partition(tuple(segments), after, self.own)

    def _levels(self, driver: Collection[str]) -> dict[str, int]:
        """The segment of each node, as early as can be: that in which the core computes it, or that
        before which the driver does."""
        level: dict[str, int] = {}
        for node in self.graph.nodes:
            own = node.name in driver
            level[node.name] = max(
                (
                    level[maker] + (own and maker not in driver)
                    for name in node.inputs
                    if (maker := self.makers.get(name)) is not None
                ),
                default=0,
            )
            if own and self.states.intersection(node.inputs):  # the core's first run hands it out
                level[node.name] = max(1, level[node.name])
        return level

    def _inputs(
        self,
        core: Sequence[Iterable[Node]],
        made: Collection[str],
        level: Mapping[str, int],
    ) -> Mapping[str, int]:
        """The tensors that enter the core, and the first segment that reads each. What the driver
        leaves for the next inference enters as soon as it is there."""
        found: dict[str, int] = {}
        for number, nodes in enumerate(core):
            for name in (name for node in nodes for name in node.inputs):
                if name not in made and not self.graph.tensor(name).constant:
                    found.setdefault(name, number)
        for name in self.kept.difference(made):
            if not self.graph.tensor(name).constant:
                maker = self.makers.get(name)
                found.setdefault(name, level[maker] if maker else 0)
        return found


def _of(
    graph: Graph, level: Mapping[str, int], number: int, exclude: Collection[str]
) -> tuple[Node, ...]:
    return tuple(n for n in graph.nodes if n.name not in exclude and level[n.name] == number)


def _at_end(graph: Graph, exclude: Collection[Node], kept: Collection[str]) -> tuple[Node, ...]:
    """The nodes that the driver computes at last, but those that make what the core keeps."""
    chosen: list[Node] = []
    for node in reversed(graph.nodes):
        if node in exclude:
            continue
        consumers = [n for name in node.outputs for n in graph.consumers(name)]
        if (
            not any(name in kept for name in node.outputs)
            and _for_driver(node, graph)
            and all(n in chosen for n in consumers)
        ):
            chosen.append(node)
    return tuple(node for node in graph.nodes if node in chosen)


def _for_driver(node: Node, graph: Graph) -> bool:
    """Whether the driver can compute a node: what is no code it moves, too."""
    operator = OPERATORS[node.operator]
    moved = isinstance(operator, Movement) and graph.tensor(node.outputs[0]).dtype != "int8"
    return (
        _at_host(node)
        or moved
        or (isinstance(operator, Binary) and is_no_sum(node, operator, graph))
    )


def _at_host(node: Node) -> bool:
    """Whether the driver computes a node at the network's ends."""
    operator = OPERATORS[node.operator]
    own = isinstance(operator, Product) and node.attributes.on_core
    return operator.host and not own


def _only_decoded(node: Node, graph: Graph) -> bool:
    """Whether the core can compute a node, of which the driver then decodes the result."""
    operator = OPERATORS[node.operator]
    if not isinstance(operator, Index):
        return False
    producer = graph.producer(node.inputs[0])
    while producer is not None and OPERATORS[producer.operator].alias:
        producer = graph.producer(producer.inputs[0])
    if producer is None or not isinstance(OPERATORS[producer.operator], OnCore):
        return False
    return _lowers(node, operator, graph)


def _lowers(node: Node, operator: OnCore, graph: Graph) -> bool:
    """Whether there are layers of the core for a node."""
    try:
        operator.lower(node, graph, layout_of(graph.tensor(node.inputs[0])))
    except UnsupportedOperator:
        return False
    return True


def _at_start(graph: Graph, exclude: tuple[Node, ...], given: Collection[str]) -> tuple[Node, ...]:
    chosen: list[Node] = []
    known = set(given)
    for node in graph.nodes:
        if node in exclude or not _for_driver(node, graph):
            continue
        if all(name in known for name in node.inputs):
            chosen.append(node)
            known.update(node.outputs)
    return tuple(chosen)
