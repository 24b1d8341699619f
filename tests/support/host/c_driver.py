"""Exports a program with its driver in C, compiles both, and runs samples through a core."""

import shutil
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accel.api import Program
from accel.export.c.write import write_c
from accel.export.description import describe
from accel.sim.rtl.compiled import CompiledCore

from .fake_core import FakeCore
from .piped_board import Ended, drive, drive_fake

CLOCK_MHZ = 12.0
FLAGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Os")
SPI_MAIN = Path(__file__).with_name("spi_main.c")
LINES = ("uart", "spi")


def compiler() -> str | None:
    """A C compiler of this system, if it has one."""
    return shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")


def export(program: Program, folder: Path) -> None:
    """Write a program with its driver."""
    folder.mkdir(parents=True, exist_ok=True)
    description = describe(program.code, program.report().cycles, CLOCK_MHZ)
    write_c(description, folder, baud=1_000_000)


def compiled(folder: Path, line: str = "uart", *flags: str) -> Path:
    """Compile what was exported with the example, or with one that speaks SPI over its pipes."""
    found = compiler()
    assert found, "there is a compiler"
    main = SPI_MAIN if line == "spi" else folder / "main.c"
    sources = [*sorted(folder.glob("accel*.c")), folder / "program.c", main]
    target = folder / f"infer_{zlib.crc32(' '.join(flags).encode()):x}_{line}"
    command = [found, *FLAGS, *flags, "-I", folder, *sources, "-o", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def infer(
    core: CompiledCore | FakeCore,
    executable: Path,
    samples: np.ndarray,
    output: tuple[Sequence[int], Any],
    **line: Any,
) -> tuple[np.ndarray, Ended]:
    """Answers to samples ``[N, ...]``, of this shape and type, from a core at the end of a line."""
    spi = executable.name.endswith("spi")
    given, answers = executable.with_suffix(".samples"), executable.with_suffix(".answers")
    given.write_bytes(samples.tobytes())
    command = [str(executable), *(() if spi else ("-",)), str(given), str(answers)]
    if isinstance(core, FakeCore):
        ended = drive_fake(core, command, spi=spi, **line)
    else:
        ended = drive(core, command, spi=spi, **line)
    shape, dtype = output
    return np.fromfile(answers, dtype).reshape(-1, *shape), ended


def text_bytes(folder: Path, name: str) -> dict[str, int]:
    """The bytes of an object's sections, compiled for the smallest code: ``.text`` and constants.

    ``size`` counts code, constants and tables for debuggers as text; the last are left out here.
    """
    found, size = compiler(), shutil.which("size")
    assert found and size, "there are a compiler and binutils"
    target = folder / f"{name}.o"
    subprocess.run([found, *FLAGS, "-c", folder / f"{name}.c", "-o", target], check=True)
    listed = subprocess.run([size, "-A", target], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    sizes = {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}
    whole = subprocess.run([size, target], capture_output=True, text=True, check=True)
    constants = sum(n for section, n in sizes.items() if section.startswith(".rodata"))
    return {
        "code": sizes[".text"],
        "constants": constants,
        "text": int(whole.stdout.splitlines()[1].split()[0]),
    }
