"""Balances the banks: a copy of a tensor lets the layers after it stream without bank conflicts.

A layer's chunk is best in the bank that the layer does not read. In a sequence of layers every
other one reads the same bank, so the largest chunks may all belong into one bank and not fit. A
layer that copies a tensor to the other bank exchanges the banks of all layers after it.
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
from .allocation import NONE_LATER, MemoryPlan, overwritten, plan

_COPY_CYCLES = 100  # what a copying layer takes beside its tiles
_MOST_WORDS = 512  # of a tensor that is copied
_LEAST_LOST = 1000  # cycles; where fewer are lost no copy is tried


@dataclass(frozen=True)
class Balanced:
    """Commands, the words of their chunks, the layouts of their tensors, and where all lies."""

    commands: tuple[LayerCommand, ...]
    words: tuple[int, ...]
    layout: Mapping[str, TensorLayout]
    memory: MemoryPlan

    @property
    def whole(self) -> bool:
        """Whether all chunks lie in memory, uncut."""
        return not self.memory.flash_bytes and len(self.memory.chunks) == len(self.commands)

    @property
    def lost(self) -> int:
        """Cycles that are lost to bank conflicts.

        A word that is streamed from the bank that the array reads costs one; those of the first
        group cost nothing more, since the array waits for them in any case.
        """
        chunks = zip(self.commands, self.memory.chunks, self.words, strict=True)
        return sum(
            words - words // command.groups
            for command, (bank, _), words in chunks
            if bank == self.memory.tensors[command.source].bank
        )


def balance_banks(
    commands: Sequence[LayerCommand],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
    *,
    search: bool = True,
    later: Mapping[str, int] = NONE_LATER,
) -> tuple[tuple[LayerCommand, ...], MemoryPlan]:
    """The commands, with a copy between two of them if that saves cycles, and their memory plan.

    ``search`` and ``later`` are those of `plan`. Raises what `plan` does for the commands as they
    are.
    """

    def placed(
        commands: tuple[LayerCommand, ...],
        words: tuple[int, ...],
        layout: Mapping[str, TensorLayout],
    ) -> Balanced:
        ends = inputs, outputs
        memory = plan(commands, layout, *ends, words, config, search=search, later=later)
        return Balanced(commands, words, layout, memory)

    best = first = placed(tuple(commands), tuple(chunk_words(c, config) for c in commands), layout)
    if not first.whole:
        return first.commands, first.memory
    least = first.lost
    if least < _LEAST_LOST:
        return first.commands, first.memory
    for index in _cuts(commands, outputs):
        if layout[commands[index].source].words(config.rows) > _MOST_WORDS:
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


def chunk_words(command: LayerCommand, config: AcceleratorConfig) -> int:
    """Words of a command's chunk."""
    return Isa(config).descriptor_words + stream_words(command, config)


def _cuts(commands: Sequence[LayerCommand], outputs: Sequence[str]) -> Iterator[int]:
    """Commands before which the network is cut by one tensor: their source.

    They alone read it, and nothing else that is computed before is used from then on.
    """
    for index in range(1, len(commands)):
        source = commands[index].source
        after = {name for c in commands[index:] for name in (c.source, *overwritten(c))}
        before = {c.output for c in commands[:index]} | {c.source for c in commands[:index]}
        users = sum(source in (c.source, c.residual) for c in commands)
        if (after | set(outputs)) & before == {source} and users == 1:
            yield index


def _with_copy(
    plain: Balanced, index: int, config: AcceleratorConfig
) -> tuple[tuple[LayerCommand, ...], tuple[int, ...], Mapping[str, TensorLayout]]:
    """Commands, words and layouts with a copy, in front of a command, of what it reads."""
    command = plain.commands[index]
    name = f"{command.name}_input"
    layout = plain.layout[command.source]
    words = layout.words(config.rows)
    # As positions of one word each, in as many output rows as are broadcast at a time
    height = config.broadcast_rows if words % config.broadcast_rows == 0 else 1
    shape = height, words // height, config.rows
    layer = copy_layer(name, name, command.source, f"{command.source} ({name})", shape)
    (copy,) = schedule(layer, config)
    moved = replace(command, source=copy.output)
    return (
        (*plain.commands[:index], copy, moved, *plain.commands[index + 1 :]),
        (*plain.words[:index], chunk_words(copy, config), *plain.words[index:]),
        {**plain.layout, copy.output: layout},
    )
