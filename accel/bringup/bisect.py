"""Runs a network layer by layer on a core, and finds where it first differs from the machine."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel.compiler.program.executable import CoreExecutable
from accel.compiler.program.program import CoreProgram
from accel.config import FLASH
from accel.errors import UserError
from accel.host.driven_core import DrivenCore
from accel.host.driver import RunEnded
from accel.host.exchange import Transport
from accel.host.runner import Passing, first_inputs
from accel.session import Session
from accel.sim.functional.decode import decode_layer
from accel.sim.functional.machine import Machine

Progress = Callable[[int, str], None]
"""Called with the number of layers done, of all samples, and what is run next."""


class NothingOnCore(UserError):
    """A network has no layer that the core runs."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first difference.

    ``index`` is the element's in the tensor ``[...]`` of one sample, as the network has it, or
    ``[row, column, channel]`` of what is stored where that is not the network's own tensor.
    ``differing`` elements of the layer's ``written`` ones are wrong. ``chunk_bytes`` of the layer's
    descriptor and weights in memory are not what was loaded: then these are to blame.
    """

    sample: int
    layer: str
    number: int
    node: str
    tensor: str
    index: tuple[int, ...]
    value: int
    expected: int
    differing: int
    written: int
    bank: int
    address: int
    byte: int
    chunk_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "index": list(self.index)}


@dataclass(frozen=True, kw_only=True)
class Bisection:
    """What came of it: ``layers`` were compared in ``samples``, ``elements`` in all of them.

    ``stopped`` says why a run did not end, in the layer that it names. ``cycles`` are the layers
    whose counters are not the cycle model's, with both: name, counted, model.
    """

    samples: int
    layers: int
    elements: int
    difference: Difference | None = None
    stopped: str = ""
    cycles: tuple[tuple[str, int, int], ...] = ()

    @property
    def equal(self) -> bool:
        return self.difference is None and not self.stopped

    def as_dict(self) -> dict[str, Any]:
        return {
            "equal": self.equal,
            "samples": self.samples,
            "layers": self.layers,
            "elements": self.elements,
            "first_difference": self.difference.as_dict() if self.difference else None,
            "stopped": self.stopped or None,
            "cycles_differ": [
                {"layer": name, "cycles": counted, "cycles_model": model}
                for name, counted, model in self.cycles
            ],
        }


def bisect(
    program: CoreProgram,
    transport: Transport,
    inputs: Mapping[str, np.ndarray],
    progress: Progress = lambda done, what: None,
) -> Bisection:
    """Run samples ``[N, ...]`` one after the other until a layer differs.

    Each layer's output is read when the layer has ended, so the first that differs is the one that
    went wrong, or what it reads has changed since it was written. Raises ``NothingOnCore``,
    ``InvalidInput``, and what `DrivenCore` raises.
    """
    if not program.commands:
        raise NothingOnCore(f"{program.name}: no layer of it runs on the core; nothing to compare")
    packed, passing = first_inputs(program, inputs)
    samples = len(next(iter(packed.values())))
    places = [_written(program, number) for number in range(len(program.commands))]
    driven, machine = Session(program).driven(transport), Machine(program)
    elements, cycles = 0, {}
    for index in range(samples):
        sample = {name: data[index] for name, data in packed.items()}
        alone = {name: data[None] for name, data in sample.items()}
        expected = machine.by_layer(alone, passing(index, index + 1))
        number = 0
        try:
            for number, found, counted in _run(driven, sample, passing, progress, index):
                model = driven.expected[number].cycles
                if counted != model:
                    cycles[program.commands[number].name] = counted, model
                wrong = _wrong(places[number], found, expected[number][0])
                elements += len(places[number])
                if wrong.size:
                    difference = _difference(
                        driven, index, number, places[number], wrong, found, expected[number][0]
                    )
                    return Bisection(
                        samples=index + 1,
                        layers=number + 1,
                        elements=elements,
                        difference=difference,
                        cycles=_listed(cycles),
                    )
        except RunEnded as problem:
            name = program.commands[number].name
            stopped = f"sample {index}, after layer {name}: {problem}"
            return Bisection(
                samples=index + 1, layers=number + 1, elements=elements, stopped=stopped
            )
    layers = len(program.commands)
    return Bisection(samples=samples, layers=layers, elements=elements, cycles=_listed(cycles))


def _listed(cycles: Mapping[str, tuple[int, int]]) -> tuple[tuple[str, int, int], ...]:
    return tuple((name, *pair) for name, pair in cycles.items())


def _run(
    driven: DrivenCore,
    sample: Mapping[str, np.ndarray],
    passing: Passing,
    progress: Progress,
    index: int,
) -> Iterator[tuple[int, np.ndarray, int]]:
    """Each layer's number, the bytes of its output's place, and its cycles."""
    commands = driven.program.commands
    progress(index * len(commands), commands[0].name)
    between = passing(index, index + 1)
    steps = driven.steps(sample, driven.program.stored_tensors(), between)
    for number, (_, result) in enumerate(steps):
        following = commands[min(number + 1, len(commands) - 1)].name
        progress(index * len(commands) + number + 1, following)
        yield number, np.frombuffer(result.data, np.uint8), result.counters.cycles


def _written(program: CoreProgram, number: int) -> np.ndarray:
    """Where a layer writes its elements, int64 ``[elements, bytes of one]``, counted in bytes from
    the first of its output's place on: one byte of a code, four of a sum."""
    command, chunk = program.commands[number], program.chunks[number]
    layer = decode_layer(chunk.data, program.config)
    place, rows = program.placement(command.output), program.config.rows
    start = place.address * rows
    if layer.descriptor.keep_sums and layer.kept is not None:
        return layer.kept.bytes - start
    codes = np.unique(layer.writes[layer.writes >= 0]) - start
    inside = (codes >= 0) & (codes < place.layout.words(rows) * rows)
    return codes[inside][:, None]


def _wrong(places: np.ndarray, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Numbers of the elements that differ, in the order in which they lie."""
    bad = (found[places] != expected[places]).any(axis=1)
    numbers = np.flatnonzero(bad)
    return numbers[np.argsort(places[numbers, 0], kind="stable")]


def _difference(
    driven: DrivenCore,
    sample: int,
    number: int,
    places: np.ndarray,
    wrong: np.ndarray,
    found: np.ndarray,
    expected: np.ndarray,
) -> Difference:
    program = driven.program
    command, rows = program.commands[number], program.config.rows
    first = places[wrong[0]]
    placement = program.placement(command.output)
    word, byte = divmod(int(first[0]), rows)
    return Difference(
        sample=sample,
        layer=command.name,
        number=number,
        node=command.node,
        tensor=command.output,
        index=_index(program, number, int(wrong[0]), int(first[0])),
        value=_value(found[first]),
        expected=_value(expected[first]),
        differing=len(wrong),
        written=len(places),
        bank=placement.bank,
        address=placement.address + word,
        byte=byte,
        chunk_bytes=_changed(driven, number),
    )


def _value(data: np.ndarray) -> int:
    return int.from_bytes(data.tobytes(), "little", signed=True)


def _index(program: CoreExecutable, number: int, element: int, offset: int) -> tuple[int, ...]:
    """The index of an element, the place of which begins at byte ``offset`` of its tensor's."""
    command, rows = program.commands[number], program.config.rows
    layout = program.placement(command.output).layout
    layer = decode_layer(program.chunks[number].data, program.config)
    if layer.descriptor.keep_sums:
        kept = layer.kept
        assert kept is not None
        position, channel = int(kept.positions[element]), int(kept.channels[element])
    else:
        position, channel = divmod(offset, layout.channel_words(rows) * rows)
    tensor = program.graph.tensors.get(command.output)
    flat = position * layout.channels + channel
    size = layout.height * layout.width * layout.channels
    if tensor is not None and tensor.size == size and layout.packing_factor == 1:
        return tuple(int(i) for i in np.unravel_index(flat, tensor.shape[1:]))
    y, x = divmod(position, layout.width)
    return y, x, channel


def _changed(driven: DrivenCore, number: int) -> int:
    """Bytes of a layer's chunk in memory that are not those that were loaded."""
    chunk = driven.program.chunks[number]
    if chunk.bank == FLASH or chunk.prefetched:
        return 0
    words = len(chunk.data) // driven.program.config.rows
    found = np.frombuffer(driven.driver.read(chunk.bank, chunk.address, words), np.uint8)
    return int((found != np.frombuffer(chunk.data, np.uint8)).sum())
