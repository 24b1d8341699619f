"""What the driver does around the core: packs and unpacks tensors, and computes its nodes before,
between and after the runs of the core."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from accel.compiler.graph.interpreter import check_inputs, repeated
from accel.compiler.ir.graph import Node, State
from accel.compiler.operators import OPERATORS, Index
from accel.compiler.program.executable import CoreExecutable

from .run_results import Counters

if TYPE_CHECKING:
    from .driven_core import DrivenCore

Stored = Mapping[str, np.ndarray]
"""Stored bytes of tensors, uint8 ``[N, n]``, by name."""


class Between(Protocol):
    """What the driver computes between the runs of the core, for some of the samples."""

    def inputs(self, segment: int, found: Stored) -> Stored:
        """What is written before a segment, from what the core has computed so far."""


Passing = Callable[[int, int], Between]
"""Makes what the driver computes between the runs, for samples from the first up to the end."""


class BoardCore(Protocol):
    """Whatever runs the layers of a program: the machine, a simulation, a board."""

    def run(
        self, inputs: Stored, keep: Collection[str], passing: Passing | None = None
    ) -> dict[str, np.ndarray]:
        """Stored bytes of the tensors ``keep``, from those of the inputs of the first segment.

        ``passing`` gives those of the others, and is asked for each sample before each segment but
        the first, in their order.
        """


def run(
    program: CoreExecutable,
    core: BoardCore,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    keep: Collection[str] | None = None,
    states: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Run a batch ``[N, ...]`` through a core and return arrays by tensor name.

    Returned are the network's outputs, or the tensors named in ``keep``. ``states`` are those that
    the driver keeps, by the names of the tensors that are read: as they are found, initially where
    they are not there, and then as they are left. Raises ``InvalidInput``.
    """
    graph, parts = program.graph, program.partition
    wanted = tuple(graph.outputs if keep is None else keep)
    constants = [name for name in wanted if graph.tensor(name).constant]
    values = _Values(program, check_inputs(graph, inputs), {} if states is None else states)
    count = values.count
    values.compute(parts.before)

    needed = {n for node in parts.driver for n in node.inputs} | set(wanted)
    roots = {program.aliases[name].root for name in needed if name in program.aliases}
    bands = {name: program.bands(name) for name in roots}
    stored = set(program.stored_tensors()) & {
        *roots,
        *(n for parts in bands.values() for n in parts),
    }
    if program.commands:
        passed: dict[int, _Values] = {}

        def passing(first: int, end: int) -> Between:
            passed[first] = values.cut(first, end)
            return passed[first]

        several = passing if len(parts.segments) > 1 else None
        found = core.run(values.pack(0), stored, several)
        values.join([passed[first] for first in sorted(passed)])
        values.take(roots & set(found), found)
        values.take_bands(filter(bands.get, roots), found)
    values.view(needed - set(constants))
    values.compute(parts.after)
    found = values.arrays | {name: repeated(graph, name, count) for name in constants}
    return {name: found[name] for name in wanted}


class _Values:
    """Values of tensors, ``[N, ...]``, as the driver knows them of some samples; and the states
    that it keeps, as the last sample has left them."""

    def __init__(
        self,
        program: CoreExecutable,
        arrays: Mapping[str, np.ndarray],
        states: dict[str, np.ndarray],
    ):
        self.program, self.arrays, self.states = program, dict(arrays), states
        self.count = len(next(iter(self.arrays.values())))

    def cut(self, first: int, end: int) -> "_Values":
        """Those of some of the samples."""
        arrays = {name: values[first:end] for name, values in self.arrays.items()}
        return _Values(self.program, arrays, self.states)

    def join(self, parts: Iterable["_Values"]) -> None:
        """Take what was computed of parts of the samples, which are all of them."""
        parts = list(parts)
        nodes = [node for one in self.program.partition.segments[1:] for node in one.driver]
        for name in (name for node in nodes for name in node.outputs):
            if parts:
                self.arrays[name] = np.concatenate([part.arrays[name] for part in parts])

    def inputs(self, segment: int, found: Stored) -> dict[str, np.ndarray]:
        """What is written before a segment, see `Between`."""
        nodes = self.program.partition.segments[segment].driver
        needed = {name for node in nodes for name in node.inputs}
        aliases = self.program.aliases
        roots = {aliases[name].root for name in needed if name in aliases}
        self.take((roots & set(found)) - set(self.arrays), found)
        self.view(needed)
        self.compute(nodes)
        return self.pack(segment)

    def take(self, names: Iterable[str], found: Stored) -> None:
        """Take tensors that the core has stored."""
        for name in names:
            codes = self.program.unpack(name, found[name])
            self.arrays[name] = _decoded(self.program, name, codes)

    def take_bands(self, names: Iterable[str], found: Stored) -> None:
        """The same of tensors that are stored in row bands."""
        for name in names:
            codes = self.program.unpack_bands(name, found)
            self.arrays[name] = _decoded(self.program, name, codes)

    def view(self, names: Iterable[str]) -> None:
        """Give those of the tensors that share another's memory their own shapes."""
        aliases = self.program.aliases
        for name in names:
            if name not in self.arrays and name in aliases and aliases[name].root in self.arrays:
                value = self.arrays[aliases[name].root]
                shape = self.program.graph.tensor(name).shape[1:]
                self.arrays[name] = value.reshape(len(value), *shape)

    def compute(self, nodes: Iterable[Node]) -> None:
        """Compute nodes of the driver."""
        for node in nodes:
            own = [state for state in self.program.partition.kept if state.read in node.inputs]
            if own:
                steps = [self._step(node, own, number) for number in range(self.count)]
                results = [np.concatenate(parts) for parts in zip(*steps, strict=True)]
            else:
                results = self._computed(node, self.arrays)
            self.arrays.update(zip(node.outputs, results, strict=True))

    def _computed(self, node: Node, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs of a node of these arrays and of constants."""
        graph = self.program.graph
        tensors = [graph.tensor(name) for name in node.inputs]
        operands = [t.values if t.constant else arrays[t.name] for t in tensors]
        return OPERATORS[node.operator].reference(node, graph, operands)

    def _step(self, node: Node, own: Iterable[State], number: int) -> list[np.ndarray]:
        """The outputs of a node with states of its own, of one sample."""
        found = {state.read: self.states.get(state.read, state.initial) for state in own}
        given = {n: self.arrays[n][number : number + 1] for n in node.inputs if n in self.arrays}
        results = self._computed(node, given | found)
        left = dict(zip(node.outputs, results, strict=True))
        self.states.update({state.read: left[state.written] for state in own})
        return results

    def pack(self, segment: int) -> dict[str, np.ndarray]:
        """The stored bytes of a segment's inputs."""
        rows = self.program.config.rows
        inputs = self.program.inputs_of(segment)
        return {one.tensor: one.pack(self.arrays[one.source], rows) for one in inputs}


def first_inputs(
    program: CoreExecutable, inputs: np.ndarray | Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], Passing]:
    """What the core is given of a batch ``[N, ...]`` before its first layer, and what makes what it
    is given later: see `BoardCore`. Raises ``InvalidInput``."""
    values = _Values(program, check_inputs(program.graph, inputs), {})
    values.compute(program.partition.before)
    return values.pack(0), values.cut


def _decoded(program: CoreExecutable, tensor: str, codes: np.ndarray) -> np.ndarray:
    """The value of a tensor that the core stores as codes."""
    node = program.graph.producer(tensor)
    operator = OPERATORS[node.operator] if node else None
    if node is None or not isinstance(operator, Index):
        return codes
    return operator.decode(node, program.graph, codes)


def of_batch(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored bytes of one sample as those of a batch."""
    return {name: data[None] for name, data in stored.items()}


def run_segments(
    core: "DrivenCore", sample: Mapping[str, np.ndarray], keep: Collection[str], between: Between
) -> tuple[dict[str, np.ndarray], Counters]:
    """The tensors ``keep`` of a sample, which segments leave behind, and what all runs counted.

    After each run what leaves the core is read, and before each what enters it is written, while
    nothing runs.
    """
    program, total = core.program, Counters(0, 0, 0, 0)
    kept: dict[str, np.ndarray] = {}
    for segment, layers in enumerate(program.runs):
        core.send_all(between.inputs(segment, of_batch(kept)) if segment else sample)
        if not layers:
            continue
        written = dict.fromkeys(program.commands[number].output for number in layers)
        outputs = program.partition.segments[segment].outputs
        roots = {program.aliases[name].root for name in outputs} & {*keep}
        names: list[str | None] = [name for name in written if name in roots] or [None]
        first, begin = names[0], program.entries[layers[0]]
        expected = sum((core.expected[number] for number in layers), Counters(0, 0, 0, 0))
        result = core.driver.run(
            begin.bank,
            begin.address,
            cycles=expected.cycles,
            result=core.words(first),
            shared_banks=core.shared_banks,
        )
        total += result.counters.unwrapped(expected)
        if first is not None:
            kept[first] = np.frombuffer(result.data, np.uint8)
        kept |= {name: core.read(name) for name in names[1:] if name is not None}
    return kept, total
