"""In which pieces inputs are written, and when each piece's place is free.

A host sends the next sample's inputs while a program still runs, each piece once nothing of this
run needs its place any more. Inputs that have no room as a whole are tensors of some rows, *bands*:
some are written while their own run goes on, and the layers that read them wait for them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...config import FLASH, AcceleratorConfig
from ...isa import Isa
from ...protocol import FREE_BITS
from ..ir.command import LayerCommand
from .allocation import NONE_LATER, MemoryPlan, overwritten
from .input_reads import input_bands, words_read
from .layer_parts import PrefetchSlice

_MOST = (1 << FREE_BITS) - 1  # places that the core can count
_AHEAD = 3  # bands that are written before a layer reads them, at most: the core counts them, too
_Region = tuple[int, int, int]  # bank, first word, word after the last


@dataclass(frozen=True)
class Piece:
    """Words of an input that are written together.

    Parameters
    ----------
    tensor, first, words
        Some words of a tensor.
    after
        The layer after which nothing needs their place any more; None if that is only so when the
        run is over.
    during
        It is a layer of the run that reads the piece; else one of the run before.
    takes
        The layer counts in a free place for the piece and those after it that do not take one.
    reader
        The layer that waits for the piece, where that makes a band whole.
    """

    tensor: str
    first: int
    words: int
    after: int | None
    during: bool = False
    takes: bool = False
    reader: int | None = None


def pieces(
    commands: Sequence[LayerCommand],
    memory: MemoryPlan,
    chunk_words: Sequence[int],
    inputs: Sequence[str],
    config: AcceleratorConfig,
    later: Mapping[str, int] = NONE_LATER,
) -> tuple[Piece, ...]:
    """All pieces in the order in which one run after another needs them.

    First come those that are written during the run that reads them, then those of the next run's
    sample that are written before it begins. ``chunk_words`` has the words of each layer's chunk.
    With inputs that are written ``later`` (see `allocation.plan`) each one is a piece, written when
    nothing runs.
    """
    uses = _Uses(commands, memory, chunk_words, config)
    if later:
        return tuple(Piece(name, 0, uses.words(name), None) for name in inputs)
    bands = input_bands(commands, inputs)
    readers = [*bands.values()]
    own: list[Piece] = []
    coming: list[Piece] = []
    for name in [*(n for n in dict.fromkeys(inputs) if n not in bands), *bands]:
        reader = bands.get(name)
        before = None
        if reader is not None:
            before, index = uses.before(name, reader), readers.index(reader)
            if index >= _AHEAD:
                before = max(readers[index - _AHEAD], before or 0)
        if before is not None:
            own.append(Piece(name, 0, uses.words(name), before, during=True, reader=reader))
        else:
            found = _cut(name, uses.last(name), len(commands) - 1)
            found[-1] = replace(found[-1], reader=reader)
            coming += found
    counted = _counted(own, len(own))
    reached = counted[-1].after if counted else -1
    return tuple(counted + _counted(coming, _MOST - _AHEAD if own else _MOST, reached))


def _cut(name: str, last_uses: np.ndarray, last: int) -> list[Piece]:
    """Pieces of a tensor, each of words that are free at once. ``last`` is the last layer."""
    free = np.maximum.accumulate(last_uses)
    edges = [0, *(np.flatnonzero(np.diff(free)) + 1).tolist(), len(free)]
    return [
        Piece(name, first, end - first, int(free[first]) if free[first] < last else None)
        for first, end in pairwise(edges)
        if first < end
    ]


def _counted(found: list[Piece], most: int, reached: int | None = -1) -> list[Piece]:
    """The pieces, of which some take a place: those that are free later than all before.

    Where more than ``most`` take one, some wait until more is free. What comes after a piece that
    is not free before the end is not, either.
    """
    times: list[int | None] = []
    for piece in found:
        ends = reached is None or piece.after is None
        reached = None if ends else max(reached or 0, piece.after or 0)
        times.append(reached)
    levels = sorted({time for time in times if time is not None})
    while len(levels) > most:
        words = [sum(p.words for p, t in zip(found, times, strict=True) if t == x) for x in levels]
        at = int(np.argmin(words[:-1]))
        times = [levels[at + 1] if time == levels[at] else time for time in times]
        del levels[at]
    counted, before = [], None
    for piece, time in zip(found, times, strict=True):
        takes = time is not None and time != before
        counted.append(replace(piece, after=time, takes=takes))
        before = time
    return counted


class _Uses:
    """When the places of inputs are used."""

    def __init__(
        self,
        commands: Sequence[LayerCommand],
        memory: MemoryPlan,
        chunk_words: Sequence[int],
        config: AcceleratorConfig,
    ):
        self.commands, self.memory, self.chunk_words = commands, memory, chunk_words
        self.config, self.isa = config, Isa(config)

    def words(self, name: str) -> int:
        """The words of a tensor."""
        return self.memory.tensors[name].layout.words(self.config.rows)

    def last(self, name: str) -> np.ndarray:
        """The last layer that uses each word of an input's place."""
        place = self.memory.tensors[name]
        last = np.zeros(self.words(name), int)
        for number in range(len(self.commands)):
            for bank, start, end in self._used(number, name):
                if bank == place.bank:
                    low, high = start - place.address, end - place.address
                    last[max(low, 0) : max(high, 0)] = number
        return last

    def before(self, name: str, reader: int) -> int | None:
        """The last layer before the one that reads an input that uses its place, if any does."""
        bank, first, end = self._place(name)
        found = None
        for number in range(reader):
            for other, start, stop in self._used(number, name):
                if other == bank and start < end and first < stop:
                    found = number
        return found

    def _used(self, number: int, name: str) -> Iterator[_Region]:
        """What a layer uses, of the tensor ``name`` what it reads, and what is copied meanwhile."""
        command = self.commands[number]
        if command.source == name:
            bank, start, _ = self._place(name)
            low, high = words_read(command, self.isa)
            yield bank, start + low, start + high
        else:
            yield self._place(command.source)
        for other in (command.output, *overwritten(command)):
            yield self._place(other)
        bank, address = self.memory.chunks[number]
        if bank != FLASH:
            yield bank, address, address + self.chunk_words[number]
        prefetch = self.memory.parts[number].prefetch if self.memory.parts else None
        if prefetch:
            bank, address = self.memory.chunks[self._index(prefetch)]
            start = address + prefetch.begin
            yield bank, start, start + prefetch.words

    def _place(self, name: str) -> _Region:
        place = self.memory.tensors[name]
        return place.bank, place.address, place.address + place.layout.words(self.config.rows)

    def _index(self, prefetch: PrefetchSlice) -> int:
        """The index of the part whose chunk a prefetch slice belongs to."""
        return next(
            index
            for index, part in enumerate(self.memory.parts)
            if (part.layer, part.first) == (prefetch.layer, prefetch.first)
        )
