"""Copies of tensors to the other bank, so that layers after them stream from the bank that they write.

A layer's chunk is best where the layer does not read. Along a chain of layers, every other one reads
the same bank, so the large ones may all want the room of one bank. After a copy they want the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...config import AcceleratorConfig
from ...isa import Isa
from ..diagnostics import DoesNotFit
from ..ir.command import LayerCommand
from ..ir.layer import copy_layer
from ..ir.stream import stream_words
from ..ir.tensor_layout import TensorLayout
from ..schedule.select import schedule
from .allocation import MemoryPlan, plan

_COPY_CYCLES = 100  # what a layer takes beside its tiles
_MOST = 512  # the most to copy
_KEPT = 1000  # what is lost at most where no copy is tried


@dataclass(frozen=True)
class Balanced:
    """Commands with the words that their chunks take, what stores their tensors, and where all lies."""

    commands: tuple[LayerCommand, ...]
    words: tuple[int, ...]
    layout: Mapping[str, TensorLayout]
    memory: MemoryPlan

    @property
    def whole(self) -> bool:
        """Whether all chunks lie in memory, none of them in parts."""
        return not self.memory.flash_bytes and len(self.memory.chunks) == len(self.commands)

    @property
    def lost(self) -> int:
        """Cycles in which the array waits for words of the bank that it reads: those of each group
        but the first, for which it waits anyway."""
        chunks = zip(self.commands, self.memory.chunks, self.words, strict=True)
        return sum(
            words - words // command.groups
            for command, (bank, _), words in chunks
            if bank == self.memory.tensors[command.source].bank
        )


def balanced(
    commands: Sequence[LayerCommand],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
) -> tuple[tuple[LayerCommand, ...], MemoryPlan]:
    """The commands, or the same with a copy between two of them if that saves cycles, placed.

    Raises what `memory.plan` does for the commands as they are.
    """

    def placed(commands, words, layout) -> Balanced:
        return Balanced(
            commands, words, layout, plan(commands, layout, inputs, outputs, words, config)
        )

    best = first = placed(tuple(commands), tuple(_words(c, config) for c in commands), layout)
    if not first.whole:
        return first.commands, first.memory
    least = first.lost
    if least < _KEPT:
        return first.commands, first.memory
    for index in _places(commands, outputs):
        if layout[commands[index].source].words(config.rows) > _MOST:
            continue
        try:
            found = placed(*_with_copy(first, index, config))
        except DoesNotFit:
            continue
        copy = found.commands[index]
        tiles = copy.groups * copy.descriptor.tiles(config.rows)
        cost = _COPY_CYCLES + tiles * max(copy.steps, config.drain_cycles)
        if found.whole and cost + found.lost < least:
            best, least = found, cost + found.lost
    return best.commands, best.memory


def _words(command: LayerCommand, config: AcceleratorConfig) -> int:
    """Words of a command's chunk."""
    return Isa(config).descriptor_words + stream_words(command, config)


def _places(commands: Sequence[LayerCommand], outputs: Sequence[str]) -> Iterator[int]:
    """Commands that alone use their source, and before which nothing else is computed that is used
    from then on."""
    for index in range(1, len(commands)):
        source = commands[index].source
        after = {c.source for c in commands[index:]} | {c.residual for c in commands[index:]}
        before = {c.output for c in commands[:index]} | {c.source for c in commands[:index]}
        users = sum(source in (c.source, c.residual) for c in commands)
        if (after | set(outputs)) & before == {source} and users == 1:
            yield index


def _with_copy(
    plain: Balanced, index: int, config: AcceleratorConfig
) -> tuple[tuple[LayerCommand, ...], tuple[int, ...], Mapping[str, TensorLayout]]:
    """Commands, words and storage with a copy of what a command reads in front of it."""
    command = plain.commands[index]
    name = f"{command.name}_input"
    layout_of = plain.layout[command.source]
    words = layout_of.words(config.rows)
    # As positions of a word each, of which several lines are copied at a time
    lines = config.broadcast_rows if words % config.broadcast_rows == 0 else 1
    shape = lines, words // lines, config.rows
    (copy,) = schedule(
        copy_layer(name, name, command.source, f"{command.source} ({name})", shape), config
    )
    moved = replace(command, source=copy.output)
    return (
        (*plain.commands[:index], copy, moved, *plain.commands[index + 1 :]),
        (*plain.words[:index], _words(copy, config), *plain.words[index:]),
        {**plain.layout, copy.output: layout_of},
    )
