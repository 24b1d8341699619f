"""Runs samples through the exported C driver and a core in compiled RTL, over UARTs and over SPI.

    python -m tests.campaigns.c_driver MODEL=SAMPLES.npz ... --board icebreaker --samples 100

The driver is compiled with the system's C compiler and is a process whose standard output and input
are the line: a UART of the board and one of the host, or the SPI target with the host that makes
its clock, simulated cycle by cycle with the core. Every answer is compared with the machine's.
Without a model it is digits. Returns 1 where an answer differs.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import accel
from accel.sim.rtl.compiled import CompiledCore
from tests.support.host import c_driver
from tests.support.host.serial_board import SerialHarness
from tests.support.host.spi_board import SpiHarness

HARNESSES = {"uart": SerialHarness, "spi": SpiHarness}
_ROOT = Path(__file__).resolve().parents[2]
DIGITS = f"{_ROOT}/examples/digits/digits_int8.tflite={_ROOT}/examples/digits/test_images.npz"


def samples_of(path: Path, count: int) -> np.ndarray:
    """The first int8 samples of a file's array ``x``; codes without a sign are 128 higher."""
    x = np.load(path)["x"][:count]
    return (x.astype(np.int16) - 128).astype(np.int8) if x.dtype == np.uint8 else x


def measure(model: str, board: str, count: int, lines: list[str], folder: Path) -> int:
    """Run samples over each line and print a row for it. Returns how many answers differ."""
    path, _, data = model.partition("=")
    wrong = 0
    with accel.compile(path, board=board) as program:
        samples = samples_of(Path(data), count)
        expected = program.run(samples).output
        c_driver.export(program, folder)
        for line in lines:
            executable = c_driver.compiled(folder, line)
            image = program.code.flash
            core = CompiledCore(program.config, HARNESSES[line], image=len(image))
            if image:
                core.burn(image)
            began = time.monotonic()
            kind = (expected.shape[1:], expected.dtype)
            found, ended = c_driver.infer(core, executable, samples, kind)
            same = found.reshape(len(found), -1) == expected.reshape(count, -1)[: len(found)]
            differing = len(expected) - int(same.all(axis=1).sum())
            wrong += differing
            print(
                f"{program.name[:20]:20} {line:5} {len(found):5} of {count} {differing:9} differ"
                f"  {ended.cycles:13,} cycles {time.monotonic() - began:6.1f} s  "
                f"{ended.errors.strip()}",
                flush=True,
            )
    return wrong


def main() -> int:
    """Measure all models, then print the sizes of the driver's objects."""
    parser = argparse.ArgumentParser(description="Run samples through the exported C driver.")
    parser.add_argument("models", nargs="*", default=[DIGITS], help="MODEL=SAMPLES.npz")
    parser.add_argument("--board", default="icebreaker", help="whose core (%(default)s)")
    parser.add_argument("--samples", type=int, default=100, help="of each (%(default)s)")
    parser.add_argument("--line", choices=c_driver.LINES, help="one alone (both)")
    options = parser.parse_args()
    lines = [options.line] if options.line else list(c_driver.LINES)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(number)) for number in range(len(options.models))]
        wrong = sum(
            measure(model, options.board, options.samples, lines, folder)
            for model, folder in zip(options.models, folders, strict=True)
        )
        for source in ("accel", "accel_nodes"):
            sizes = c_driver.text_bytes(folders[0], source)
            print(
                f"{source}.o: {sizes['code']:,} bytes of code, {sizes['constants']:,} of "
                f"constants; {sizes['text']:,} as size counts text"
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
