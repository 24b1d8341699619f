"""What an inference takes on a serial line, and for how much of that time the core rests."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from accel.compiler.program.executable import CoreExecutable
from accel.protocol import (
    CRC_BYTES,
    EIGHTHS,
    EXTENSION_BYTES,
    HEADER_BYTES,
    PAYLOAD_BYTES,
    RESULT_BYTES,
)

from ..rate import rates_of

BITS = 10  # that a byte takes: a start bit, its own and a stop bit


def bytes_of(program: CoreExecutable) -> tuple[int, int]:
    """Bytes to the core and from it for one of many inferences: inputs and ``RUN``; the results.

    The program is in the core's memory or flash already, and nothing is sent again.
    """
    rows = program.config.rows

    def frames(tensor: str) -> int:
        layout = program.placement(tensor).layout
        lanes, words = layout.lanes(rows), layout.words(rows)
        count = ceil(words / (PAYLOAD_BYTES // lanes))
        return words * lanes + count * (HEADER_BYTES + CRC_BYTES)

    def answer(tensor: str) -> int:
        layout = program.placement(tensor).layout
        return 2 + layout.words(rows) * layout.lanes(rows) + CRC_BYTES

    asked = HEADER_BYTES + EXTENSION_BYTES + CRC_BYTES
    outputs = list(program.partition.outputs)
    asks, runs = len(outputs), 1
    if len(program.runs) > 1:
        segments = zip(program.partition.segments, program.runs, strict=True)
        of_each = [len(one.outputs) or 1 for one, layers in segments if layers]
        asks, runs = sum(of_each), len(of_each)
    to_core = sum(frames(source.tensor) for source in program.inputs) + asked * asks
    return to_core, RESULT_BYTES * runs + sum(map(answer, outputs))


@dataclass(frozen=True)
class Crossing:
    """What the driver does between two runs of the core: its nodes, the bytes on the line of what
    it reads after the one and of what it writes before the other, and the layer that goes on, if
    one does."""

    nodes: tuple[str, ...]
    from_core: int
    to_core: int
    layer: str | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "driver": list(self.nodes),
            "bytes_from_core": self.from_core,
            "bytes_to_core": self.to_core,
            "before": self.layer,
        }


def crossings(program: CoreExecutable) -> tuple[Crossing, ...]:
    """What crosses inside the network, at each border of two segments.

    Of the core's tensors those count that the driver needs there; what it needs of them at later
    borders or at the end counts where it is read, which is after the run that computes it.
    """
    rows, parts = program.config.rows, program.partition
    stored = set(program.stored_tensors())

    def size(tensor: str) -> int:
        layout = program.placement(tensor).layout
        return layout.words(rows) * layout.lanes(rows)

    found = []
    for number, segment in enumerate(parts.segments):
        roots = {program.aliases[name].root for name in parts.segments[number - 1].outputs}
        if number:
            found.append(
                Crossing(
                    nodes=tuple(node.name for node in segment.driver),
                    from_core=sum(map(size, roots & stored)),
                    to_core=sum(size(one.tensor) for one in program.inputs_of(number)),
                    layer=next((c.name for c in program.commands[program.starts[number] :]), None),
                )
            )
    return tuple(found)


def line_cycles(program: CoreExecutable, *, clock_mhz: float, baud: float) -> int:
    """Cycles of the core's clock from one inference to the next that the line allows, at the
    fastest rate of at most ``baud`` that the core's clock makes."""
    bit, _ = next(rates_of(clock_mhz * 1e6, baud))
    together = sum if len(program.runs) > 1 else max
    return ceil(together(bytes_of(program)) * BITS * bit / EIGHTHS)


def share_at_rest(program: CoreExecutable, cycles: int, *, clock_mhz: float, baud: float) -> float:
    """For how much of the time nothing runs, of inferences as fast as line and core allow.

    The enables of multipliers and memories are off then, but for those of a word that is written.
    Computed from the program's bytes and cycles; nothing is measured.
    """
    line = line_cycles(program, clock_mhz=clock_mhz, baud=baud)
    period = cycles + line if len(program.runs) > 1 else max(cycles, line)
    return 1 - cycles / period
