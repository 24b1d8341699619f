"""Cuts a network's first layer by rows, where the next sample's input would wait for its end.

Where an input takes longer on the line than the core works on it, the line should never rest. The
place of an input is free when the first layer has read it; of a layer in several parts, the first
part's rows are free when that has been computed, and the line brings the next ones later than the
core needs theirs.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ...config import AcceleratorConfig
from ...isa import Isa
from ..diagnostics import DoesNotFit
from ..ir.command import LayerCommand, cut_runs
from ..ir.tensor_layout import TensorLayout
from .allocation import MemoryPlan
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
) -> tuple[tuple[LayerCommand, ...], MemoryPlan]:
    """The commands, of which the first one may be cut into parts that each read further rows, and
    their memory plan.

    Raises ``DoesNotFit`` where that is so without parts.
    """
    plain = balance_banks(commands, layout, inputs, outputs, config)
    if not _line_waits(commands, layout, inputs, config):
        return plain
    for count in _PARTS:
        parts = _parts(commands[0], count, config)
        if not parts:
            continue
        try:
            cut = balance_banks((*parts, *commands[1:]), layout, inputs, outputs, config)
        except DoesNotFit:
            continue
        if not cut[1].arrives_after and cut[1].cycles <= plain[1].cycles * _COSTS:
            return cut
    return plain


def _line_waits(
    commands: Sequence[LayerCommand],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    config: AcceleratorConfig,
) -> bool:
    """Whether the line rests for long while the first layer works, and nothing else does so."""
    if len(inputs) != 1 or not commands or inputs[0] not in layout:
        return False
    (name,), first = inputs, commands[0]
    users = sum(name in (c.source, c.output, c.residual) for c in commands)
    if first.source != name or users != 1 or first.residual or first.descriptor.keep_sums:
        return False
    line = layout[name].words(config.rows) * layout[name].lanes(config.rows) * BYTE_CYCLES
    cycles = [_work(command, config) for command in commands]
    return cycles[0] > _RESTS * line and cycles[0] + line > sum(cycles)


def _work(command: LayerCommand, config: AcceleratorConfig) -> int:
    """The cycles of a command's tiles."""
    tile = max(command.steps, command.descriptor.tile_cycles(config))
    return command.groups * command.descriptor.tiles(config.rows) * tile


def _parts(
    command: LayerCommand, count: int, config: AcceleratorConfig
) -> tuple[LayerCommand, ...]:
    """The command in parts, or nothing where not each leaves words behind that those after it do
    not read."""
    runs, isa = command.descriptor.runs, Isa(config)
    edges = [runs * part // count for part in range(count + 1)]
    if runs < count:
        return ()
    parts = tuple(cut_runs(command, first, end - first) for first, end in pairwise(edges))
    begins = [words_read(part, isa)[0] for part in parts]
    return parts if all(a < b for a, b in pairwise(begins)) else ()
