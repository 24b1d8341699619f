"""What an inference takes on a serial line, and for how much of that time the core rests."""

from math import ceil

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
    to_core = sum(frames(source.tensor) for source in program.inputs) + asked * len(outputs)
    return to_core, RESULT_BYTES + sum(map(answer, outputs))


def line_cycles(program: CoreExecutable, *, clock_mhz: float, baud: float) -> int:
    """Cycles of the core's clock from one inference to the next that the line allows, at the
    fastest rate of at most ``baud`` that the core's clock makes."""
    bit, _ = next(rates_of(clock_mhz * 1e6, baud))
    return ceil(max(bytes_of(program)) * BITS * bit / EIGHTHS)


def share_at_rest(program: CoreExecutable, cycles: int, *, clock_mhz: float, baud: float) -> float:
    """For how much of the time nothing runs, of inferences as fast as line and core allow.

    The enables of multipliers and memories are off then, but for those of a word that is written.
    Computed from the program's bytes and cycles; nothing is measured.
    """
    line = line_cycles(program, clock_mhz=clock_mhz, baud=baud)
    return 1 - cycles / max(cycles, line)
