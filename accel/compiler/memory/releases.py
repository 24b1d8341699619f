"""When the places of inputs are free for the next sample, while a program still runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...config import FLASH, AcceleratorConfig
from ...isa import Isa
from ...protocol import FREE_BITS
from ..ir.command import LayerCommand
from .allocation import MemoryPlan
from .input_reads import words_read
from .layer_parts import PrefetchSlice

_MOST = (1 << FREE_BITS) - 1  # places that the core can count
_Region = tuple[int, int, int]  # bank, first word, word after the last


@dataclass(frozen=True)
class Release:
    """``words`` of the inputs, in the order in which they are written, and the layer after which
    nothing uses their places before the run is over."""

    layer: int
    words: int


def releases(
    commands: Sequence[LayerCommand],
    memory: MemoryPlan,
    chunk_words: Sequence[int],
    inputs: Sequence[str],
    config: AcceleratorConfig,
) -> tuple[Release, ...]:
    """What of the inputs can be written anew during a run, and after which layers.

    ``chunk_words`` has the words of each layer's chunk, ``inputs`` the core's inputs in the order
    in which they are written. Words after those of the last release are in use until the run is
    over. A run has no more releases than the core counts.
    """
    free = np.concatenate(
        [_last_uses(commands, memory, chunk_words, name, config) for name in dict.fromkeys(inputs)]
        or [np.zeros(0, int)]
    )
    free = np.maximum.accumulate(free)
    layers, counts = np.unique(free[free < len(commands) - 1], return_counts=True)
    found = [Release(int(layer), int(n)) for layer, n in zip(layers, counts, strict=True)]
    while len(found) > _MOST:  # the two that come closest after another become one
        gaps = [found[i].words for i in range(len(found) - 1)]
        at = int(np.argmin(gaps))
        first, second = found[at : at + 2]
        found[at : at + 2] = [Release(second.layer, first.words + second.words)]
    return tuple(found)


def _last_uses(
    commands: Sequence[LayerCommand],
    memory: MemoryPlan,
    chunk_words: Sequence[int],
    name: str,
    config: AcceleratorConfig,
) -> np.ndarray:
    """The last layer that uses each word of an input's place."""
    place, rows, isa = memory.tensors[name], config.rows, Isa(config)
    last = np.zeros(place.layout.words(rows), int)
    for number, command in enumerate(commands):
        touched = list(_touched(command, memory, chunk_words, number, rows))
        if command.source == name:
            low, high = words_read(command, isa)
            touched.append((place.bank, place.address + low, place.address + high))
        else:
            touched.append(_place_of(memory, command.source, rows))
        for bank, start, end in touched:
            if bank == place.bank:
                low, high = start - place.address, end - place.address
                last[max(low, 0) : max(high, 0)] = number
    return last


def _touched(
    command: LayerCommand,
    memory: MemoryPlan,
    chunk_words: Sequence[int],
    number: int,
    rows: int,
) -> Iterator[_Region]:
    """What a layer uses beside its source, and what is copied while it runs."""
    for name in (command.output, command.residual):
        if name is not None:
            yield _place_of(memory, name, rows)
    bank, address = memory.chunks[number]
    if bank != FLASH:
        yield bank, address, address + chunk_words[number]
    prefetch = memory.parts[number].prefetch if memory.parts else None
    if prefetch:
        bank, address = memory.chunks[_index(memory, prefetch)]
        start = address + prefetch.begin
        yield bank, start, start + prefetch.words


def _place_of(memory: MemoryPlan, name: str, rows: int) -> _Region:
    place = memory.tensors[name]
    return place.bank, place.address, place.address + place.layout.words(rows)


def _index(memory: MemoryPlan, prefetch: PrefetchSlice) -> int:
    """The index of the part whose chunk a prefetch slice belongs to."""
    return next(
        index
        for index, part in enumerate(memory.parts)
        if (part.layer, part.first) == (prefetch.layer, prefetch.first)
    )
