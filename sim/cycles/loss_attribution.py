"""Where the cycles of a program go: what of them is the network's work, and what is lost to what.

Counted in *slots*, one multiplier's chance of one cycle, so that all parts are whole numbers and
their sum is exactly ``cycles * peak_macs``.

========== ========================================================================================
part       slots
========== ========================================================================================
ideal      the multiply-accumulates that the network counts
depthwise  of a depthwise layer: zero weights beside its own, columns that broadcasting idles, and
           positions between those of a stride
first      of a layer that reads the network's input: bytes of words that hold no channel
padding    of others: bytes of words that hold no channel, and taps that were widened by zeros
edges      rows after the last position, columns after the last channel
other      work that is no multiply-accumulate of the network: pooling, copies, element-wise
drain      the array waits for the results of the tile before to leave
weights    the array waits for its weights
commands   descriptors, the layer's start and end, pauses between groups
========== ========================================================================================
"""

from collections.abc import Mapping, Sequence

from accel.compiler.ir.command import LayerCommand
from accel.compiler.program.program import CoreProgram

from .cycle_model import LayerCycles

PARTS = (
    "ideal",
    "depthwise",
    "first",
    "padding",
    "edges",
    "other",
    "drain",
    "weights",
    "commands",
)


def attribute(program: CoreProgram, cycles: Sequence[LayerCycles]) -> list[dict[str, int]]:
    """For each layer of a program, with its cycles, the slots of each of ``PARTS``."""
    inputs = {i.tensor for i in program.inputs}
    found, node, owed = [], None, 0
    for command, layer in zip(program.commands, cycles, strict=True):
        # Several layers of a node share its work, of which the first one says all.
        owed = command.macs + (owed if command.node == node else 0)
        node = command.node
        counts = any(c.macs for c in program.commands if c.node == node)
        parts = _busy(command, program, owed, counts, command.source in inputs)
        owed -= parts["ideal"]
        peak = program.config.peak_macs
        waiting = layer.waiting_weights + layer.waiting_drain
        parts["drain"] = layer.waiting_drain * peak
        parts["weights"] = layer.waiting_weights * peak
        parts["commands"] = (layer.cycles - layer.busy - waiting) * peak
        found.append({name: parts.get(name, 0) for name in PARTS})
    return found


def _busy(
    command: LayerCommand, program: CoreProgram, owed: int, counts: bool, first: bool
) -> dict[str, int]:
    """What becomes of the slots of the cycles in which the array works."""
    config, f = program.config, command.descriptor
    tiles = f.tiles(config.rows)
    each, (line_count, last_lines) = f.skip, f.output_rows
    places = tiles * config.rows // each * line_count
    real = -(-f.valid_run // each) * ((f.runs - 1) * line_count + last_lines)
    per_step = command.groups * command.steps
    columns = f.written_columns * command.steps
    broadcast = command.mode == "broadcast"
    usable = config.rows if broadcast else config.columns
    parts = dict.fromkeys(PARTS, 0)
    parts["edges"] = (places - real) * per_step * usable
    parts["edges"] += real * (per_step * usable - columns)
    parts["ideal"] = min(owed, real * columns)
    rest = real * columns - parts["ideal"]
    idle = per_step * (tiles * config.rows * config.columns - places * usable)
    if not counts:
        parts["other"] = rest + idle
    elif broadcast or command.mode == "grouped":
        parts["depthwise"] = rest + idle
    else:
        parts["first" if first else "padding"] = rest
    return parts


def total(layers: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The slots of each part over all layers."""
    return {name: sum(layer[name] for layer in layers) for name in PARTS}
