"""Cuts a network's first layers by rows, where the next sample's input would wait for their end.

Where an input takes longer on the line than the core works on it, the line should never rest. The
place of an input is free when the layers that read it are done; if they are in several parts, the
first part's rows are free when that has been computed, and the line brings the next ones later than
the core needs theirs.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile

from ...config import AcceleratorConfig
from ...isa import Isa
from ..diagnostics import DoesNotFit
from ..ir.command import LayerCommand, cut_runs
from ..ir.tensor_layout import TensorLayout
from .allocation import NONE_LATER, MemoryPlan, overwritten, sent
from .arrival import BYTE_CYCLES
from .bank_balance import balance_banks
from .input_reads import words_read

_PARTS = (4, 2)  # that are tried, the best first
_RESTS = 0.02  # part of the time on the line that it may rest
_COSTS = 1.01  # times the program's cycles: what parts may cost at most


def place(
    commands: Sequence[LayerCommand],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
    *,
    search: bool = True,
    later: Mapping[str, int] = NONE_LATER,
) -> tuple[tuple[LayerCommand, ...], MemoryPlan]:
    """The commands, of which the first ones may be cut into parts that each read further rows, and
    their memory plan.

    ``search`` and ``later`` are those of `allocation.plan`. Raises ``DoesNotFit`` where that is so
    without parts.
    """
    plain = balance_banks(commands, layout, inputs, outputs, config, search=search, later=later)
    first = _readers(commands, sent(inputs, outputs)) if not later else ()
    if not first or not _line_waits(commands, len(first), layout[first[0].source], config):
        return plain
    for count in _PARTS:
        parts = _parts(first, count, config)
        if not parts:
            continue
        others = commands[len(first) :]
        try:
            cut = balance_banks((*parts, *others), layout, inputs, outputs, config, search=search)
        except DoesNotFit:
            continue
        if not cut[1].arrives_after and cut[1].cycles <= plain[1].cycles * _COSTS:
            return cut
    return plain


def _readers(commands: Sequence[LayerCommand], inputs: Sequence[str]) -> tuple[LayerCommand, ...]:
    """The commands that the network begins with, if they alone use its one input and can be cut."""
    if len(inputs) != 1:
        return ()
    (name,) = inputs
    found = tuple(takewhile(lambda c: c.source == name, commands))
    users = sum(name in (c.source, c.output, c.residual) for c in commands)
    whole = any(overwritten(c) or c.descriptor.keep_sums or c.computed for c in found)
    return () if whole or users != len(found) else found


def _line_waits(
    commands: Sequence[LayerCommand], count: int, layout: TensorLayout, config: AcceleratorConfig
) -> bool:
    """Whether the line rests for long while the first layers work, and nothing else does so."""
    line = layout.words(config.rows) * layout.lanes(config.rows) * BYTE_CYCLES
    cycles = [_work(command, config) for command in commands]
    first = sum(cycles[:count])
    return first > _RESTS * line and first + line > sum(cycles)


def _work(command: LayerCommand, config: AcceleratorConfig) -> int:
    """The cycles of a command's tiles."""
    tile = max(command.steps, command.descriptor.tile_cycles(config))
    return command.groups * command.descriptor.tiles(config.rows) * tile


def _parts(
    commands: Sequence[LayerCommand], count: int, config: AcceleratorConfig
) -> tuple[LayerCommand, ...]:
    """The commands in parts, all of some rows before all of the next; nothing where not each leaves
    words behind that those after it do not read."""
    isa, found = Isa(config), []
    for command in commands:
        runs = command.descriptor.runs
        if runs < count:
            return ()
        edges = [runs * part // count for part in range(count + 1)]
        parts = [cut_runs(command, first, end - first) for first, end in pairwise(edges)]
        begins = [words_read(part, isa)[0] for part in parts]
        if not all(a < b for a, b in pairwise(begins)):
            return ()
        found.append(parts)
    return tuple(part for together in zip(*found, strict=True) for part in together)
