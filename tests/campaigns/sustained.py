"""Runs samples one after another over a serial line to cores in compiled RTL: how many a second.

    python -m tests.campaigns.sustained MODEL.tflite ... --board icebreaker --samples 6

The line has the fastest rate that the board's adapter and the core make, and both of its UARTs are
simulated, bit by bit. Frames are those of the real driver, on a host that
answers at once. Times are those of the core's clock, from the first start bit of a sample's input
to that of the next one's; the first samples are left out. Every answer is compared with the
machine's.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import accel
from accel.api import Program
from accel.boards import BOARDS
from accel.host.driven_core import DrivenCore
from accel.host.rate import rates_of
from accel.host.runner import run
from accel.protocol import (
    EIGHTHS,
    FIELD_BYTES,
    HEADER,
    OPCODE_BITS,
    Opcode,
    values_of,
)
from accel.sim.board.serial_line import harness_of
from accel.sim.compare import assert_same
from accel.sim.rtl.compiled import CompiledCore

BITS = 10  # of a byte on the line
PATIENCE = 1 << 22  # cycles without an answer
FIRST = 2  # samples until the rhythm is steady
_UNREAD = 1 << 16


class FastLine(CompiledCore):
    """A transport to a core behind UARTs; ``begun`` has when each sample's first byte was sent.

    ``sent`` counts bytes, and ``place`` is where the first word of an input lies.
    """

    def __init__(self, program: Program, bit: int):
        super().__init__(program.config, harness_of(bit), image=len(program.code.flash))
        self.byte_cycles = BITS * bit / EIGHTHS
        if program.code.flash:
            self.burn(program.code.flash)
        self.sent, self.begun, self.place = 0, [], -1

    def write(self, data: bytes) -> None:
        """Send bytes one directly after the other."""
        self.sent += len(data)
        fields = values_of(HEADER, data[:FIELD_BYTES])
        writes = fields["opcode"] % (1 << OPCODE_BITS) == Opcode.WRITE
        if writes and fields["location"] == self.place:
            self.begun.append(self.cycles)
        while data:
            limit = max(1, int(self.byte_cycles * (len(data) - 1)))
            taken, came = self.advance(data, _UNREAD - len(self._unread), limit)
            data = data[taken:]
            self._unread += came

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Wait for bytes."""
        part, self._unread = self._unread[:count], self._unread[count:]
        if len(part) < count:
            part += self.advance(b"", count - len(part), PATIENCE + cycles)[1]
        return part


@dataclass(frozen=True)
class Sustained:
    """What was measured, in cycles and bytes.

    Parameters
    ----------
    core
        The cycles of a run alone.
    latency
        From the first start bit of a sample alone to the end of its result.
    period
        From sample to sample.
    line
        The cycles that the input alone takes on the line.
    line_bytes
        All bytes of a sample that are sent.
    retries
        How often something was sent again.
    """

    core: int
    latency: int
    period: float
    line: float
    line_bytes: float
    retries: int


def measure(program: Program, inputs: np.ndarray, bit: int) -> Sustained:
    """Run more than ``FIRST`` samples ``[N, ...]`` over a line on which a bit takes so many eighths
    of a cycle; raises ``AssertionError`` on a wrong answer."""
    code, line = program.code, FastLine(program, bit)
    driven: DrivenCore = program.session.driven(line)
    first = code.inputs[0].tensor
    place, rows = code.placement(first), code.config.rows
    line.place = driven.driver.isa.pointer_to(place.bank, place.address)
    driven.driver.exchange.settle()
    expected = program.session.execute("machine", inputs).tensors

    answer = run(code, driven, inputs[:1])
    latency = line.cycles - line.begun.pop()
    assert_same(answer, {name: values[:1] for name, values in expected.items()})
    core = driven.total.cycles if driven.total else 0

    sent = line.sent
    assert_same(run(code, driven, inputs), expected)
    begun = line.begun
    assert len(begun) == len(inputs), "an input was sent more than once"
    layouts = [code.placement(one.tensor).layout for one in code.inputs]
    input_bytes = sum(layout.words(rows) * layout.lanes(rows) for layout in layouts)
    return Sustained(
        core=core,
        latency=latency,
        period=(begun[-1] - begun[FIRST - 1]) / (len(begun) - FIRST),
        line=input_bytes * line.byte_cycles,
        line_bytes=(line.sent - sent) / len(inputs),
        retries=driven.driver.retries,
    )


def main() -> int:
    """Measure models and print a table. Returns 0; a wrong answer is an error."""
    parser = argparse.ArgumentParser(description="Run samples over a simulated serial line.")
    parser.add_argument("models", nargs="+", type=Path, help="quantized .tflite or .onnx files")
    parser.add_argument("--board", default="icebreaker", help="whose core (%(default)s)")
    parser.add_argument("--samples", type=int, default=6, help="of each (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs (%(default)s)")
    options = parser.parse_args()
    board = BOARDS[options.board]
    mhz, link = board.clock.made_mhz, board.link
    bit, baud = next(rates_of(mhz * 1e6, link.fastest or link.baud))
    print(f"{options.board}, {mhz:g} MHz, line {baud / 1e6:g} Mbaud; milliseconds")
    print("network                core   line  latency  period  / longer   bytes  again")
    for model in options.models:
        program = accel.compile(model, board=options.board)
        rng = np.random.default_rng(options.seed)
        shape = program.code.graph.tensor(program.code.graph.inputs[0]).shape[1:]
        inputs = rng.integers(-128, 128, (options.samples, *shape), np.int8)
        found = measure(program, inputs, bit)
        core, line, latency, period = (
            cycles / mhz / 1000 for cycles in (found.core, found.line, found.latency, found.period)
        )
        print(
            f"{program.code.name[:20]:20} {core:6.2f} {line:6.2f}   {latency:6.2f}  {period:6.2f}"
            f"     {period / max(core, line):5.3f}  {found.line_bytes:6.0f}  {found.retries:5}",
            flush=True,
        )
        program.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
