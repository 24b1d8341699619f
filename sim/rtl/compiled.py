"""The core's RTL, compiled to machine code by way of C++, and cached by a hash of its sources."""

import ctypes
import hashlib
import inspect
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import accel
from accel.advice import how_to_install
from accel.config import AcceleratorConfig
from accel.core.pe import ELEMENTS
from accel.errors import ToolError
from accel.flow.cache.libraries import Library, library
from accel.flow.cache.store import cache_root, identity_of, key_of
from accel.flow.products.products import NotWhole, check_netlist
from accel.flow.rtlil import convert
from accel.flow.tools import COMPILER, ToolMisnamed, find_tool, named_command
from accel.numeric.formats import FORMATS
from accel.processes.children import TimeoutExpired, run
from accel.protocol import FRAME_BYTES, SILENCE_BITS

from ..rtl2cpp.emit import cpp
from ..rtl2cpp.netlist import read
from .harness import FLASH_BYTES, FLASH_OFFSET, Harness, flash_bytes_for
from .state import StateView

TIMEOUT_CYCLES = 1 << 32
_UNREAD_BYTES = 1 << 16  # that are kept
_FLAGS = (
    "-std=c++17",
    "-O2",
    "-fwrapv",
    "-fno-tree-vectorize",  # there is nothing to gain, and vectors hinder such code
    "-shared",
    "-fPIC",
)
FLAGS = "CXXFLAGS"  # variable with more, which win: less optimization is compiled in half the time
_LARGE_MEMORY = (
    256  # words from which on a memory comes up with zeros; tables of functions are less
)
# Registers keep their multiplexers: conditions in which one keeps its value would cost more than
# the value. The passes are those of `opt -full`, which goes on for twice the time to save one cell
# in a thousand.
_SCRIPT = (
    "read_rtlil core.il; proc; flatten; opt_clean; "
    "opt_expr -full; opt_merge -share_all; opt_muxtree; opt_reduce -full; opt_dff -nosdff; "
    "opt_expr -full; opt_merge -share_all; opt_clean; write_json core.json"
)


class CannotCompileRtl(ToolError):
    """The C++ compiler or Yosys failed."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: its command and its version."""

    command: tuple[str, ...]
    version: str


def find_compiler() -> Compiler:
    """The compiler that ``CXX`` names, else the system's, else the ``ziglang`` wheel's.

    Raises ``CannotCompileRtl``, and ``ToolMisnamed`` where ``CXX`` names no compiler.
    """
    named = named_command(COMPILER, arguments=True)
    commands: list[tuple[str, ...]]
    commands = [(path,) for name in ("c++", "g++", "clang++") if (path := shutil.which(name))]
    commands.append((sys.executable, "-m", "ziglang", "c++"))
    for command in [named] if named else commands:
        try:
            answer = run([*command, "--version"], timeout=120)
        except (OSError, TimeoutExpired):
            continue
        said = (answer.stdout + answer.stderr).strip().splitlines()
        if answer.returncode == 0 and said:
            return Compiler(command, said[0])
    if named:
        raise ToolMisnamed(
            f"{COMPILER} must name a C++ compiler, not {' '.join(named)!r}, which does not tell "
            "its version; name another one, or unset the variable"
        )
    raise CannotCompileRtl(
        "Compiled RTL needs a C++ compiler and none was found; install g++, or use --executor "
        f"pysim, or install one with: {how_to_install('compiler')}"
    )


def flags_of_the_environment() -> tuple[str, ...]:
    """The compiler's flags in ``CXXFLAGS``. Raises ``ToolMisnamed`` if they are no shell words."""
    value = os.environ.get(FLAGS, "")
    try:
        return tuple(shlex.split(value))
    except ValueError as problem:
        raise ToolMisnamed(
            f"{FLAGS} must hold a C++ compiler's flags, not {value!r} ({problem}); correct it, or "
            "unset it"
        ) from problem


def cache_folder() -> Path:
    """Where compiled simulators are kept; ``ACCEL_CACHE`` overrides the system's usual place."""
    return cache_root() / "rtl"


def compiled(
    config: AcceleratorConfig, harness: type[Harness] = Harness, flash_bytes: int = FLASH_BYTES
) -> Library:
    """The shared library that simulates a core, compiled now if it is not in the cache.

    Raises ``CannotCompileRtl`` and ``CannotLoad``.
    """
    compiler, yosys = find_compiler(), find_tool("yosys")
    flags = (*_FLAGS, *flags_of_the_environment())
    machine = (sys.platform, platform.machine(), metadata.version("amaranth"))
    tools = (*compiler.command, compiler.version, identity_of(yosys), *machine)
    files = (Path(inspect.getfile(harness)), *harness.driver)
    around = (harness.__qualname__, *(path.read_text() for path in files))
    source = _sources_digest() if _is_ours(config) else _rtlil(config, harness, flash_bytes)
    sizes = json.dumps([config.as_dict(), flash_bytes if config.flash_lanes else 0])
    parts = (source, *around, sizes, *tools, *flags)
    if config.flash_lanes:
        flags += ("-DFLASH",)
    return library(
        cache_folder(),
        key_of(*parts),
        lambda folder: _compile(
            _rtlil(config, harness, flash_bytes),
            folder,
            compiler,
            yosys.executable,
            flags,
            harness,
        ),
    )


def _is_ours(config: AcceleratorConfig) -> bool:
    """Whether a core has no sources of installed packages: otherwise only its RTL identifies it."""
    return config.format in FORMATS.builtin and config.element in ELEMENTS.builtin


def _rtlil(config: AcceleratorConfig, harness: type[Harness], flash_bytes: int) -> str:
    design = harness(config, flash_bytes)
    return convert(design, least_words=_LARGE_MEMORY, ports=design.ports)


@cache
def _sources_digest() -> str:
    """A digest of the files that every simulator is made from: quicker than elaborating the
    core."""
    root = Path(accel.__file__).parent
    files = [*root.glob("*.py"), *root.glob("core/**/*.py"), *root.glob("numeric/**/*.py")]
    here = Path(__file__).parent
    files += [*here.glob("*.py"), *here.parent.glob("rtl2cpp/*.py")]
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: (file.name, file.parent.name)):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _compile(
    text: str,
    folder: Path,
    compiler: Compiler,
    yosys: str,
    flags: tuple[str, ...],
    harness: type[Harness],
) -> Path:
    (folder / "core.il").write_text(text)
    run_tool([yosys, "-q", "-p", _SCRIPT], folder)
    try:
        check_netlist(folder / "core.json")
    except NotWhole as problem:
        raise CannotCompileRtl(f"Yosys made no netlist of the core's RTL: {problem}") from problem
    (folder / "core.h").write_text(cpp(read((folder / "core.json").read_text()), harness.rest))
    for path in harness.driver:
        shutil.copyfile(path, folder / path.name)
    return compile_library(compiler, flags, harness.driver[0].name, folder)


def compile_library(
    compiler: Compiler,
    flags: Sequence[str],
    source: str,
    folder: Path,
    what: str = "the core's RTL",
) -> Path:
    """The library made of a C++ source in a folder. Raises ``CannotCompileRtl``."""
    library = folder / "core.so"
    run_tool([*compiler.command, *flags, source, "-o", library], folder, what)
    if not library.is_file():
        name = Path(compiler.command[0]).name
        raise CannotCompileRtl(f"{name} made no library; set CXX to a C++ compiler, or unset it")
    return library


def run_tool(command: Sequence[str | Path], folder: Path, what: str = "the core's RTL") -> None:
    """Run a tool in a folder. Raises ``CannotCompileRtl`` with the end of what it says."""
    answer = run(command, folder=folder, temporary=folder)
    if answer.returncode:
        said = "\n".join((answer.stdout + answer.stderr).splitlines()[-15:])
        raise CannotCompileRtl(f"{Path(command[0]).name} failed on {what}:\n{said}")


class CompiledCore:
    """A `Transport` to a core in compiled RTL; ``cycles`` counts all that were simulated.

    ``image`` is the size of the program in the flash beside it.
    """

    def __init__(
        self, config: AcceleratorConfig, harness: type[Harness] = Harness, *, image: int = 0
    ):
        self._library = compiled(config, harness, flash_bytes_for(image)).load()
        self._library.core_create.restype = ctypes.c_void_p
        self._library.core_destroy.argtypes = [ctypes.c_void_p]
        self._library.core_run.restype = ctypes.c_uint64
        size = ctypes.POINTER(ctypes.c_size_t)
        self._library.core_run.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
            size,
            ctypes.c_char_p,
            ctypes.c_size_t,
            size,
            ctypes.c_uint64,
        ]
        self._design = self._library.core_create()
        self.state = StateView(self._library, self._design)
        self.cycles = 0
        self._unread = b""  # what came while nobody read

    def burn(self, image: bytes) -> None:
        """Write a program's image into the flash chip beside the core, if that has one."""
        burn = self._library.core_burn
        burn.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t]
        burn.restype = None
        burn(self._design, FLASH_OFFSET, image, len(image))

    def write(self, data: bytes) -> None:
        """Send bytes, a cycle each where the core takes them."""
        self.advance(data, 0)

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Run the core until it has answered ``count`` bytes."""
        part, self._unread = self._unread[:count], self._unread[count:]
        if len(part) < count:
            part += self.advance(b"", count - len(part), TIMEOUT_CYCLES + cycles)[1]
        return part

    def pause(self, cycles: int) -> None:
        """Let so many cycles pass."""
        self._unread += self.advance(b"", _UNREAD_BYTES - len(self._unread), cycles)[1]

    def now(self) -> int:
        """The cycles that have passed."""
        return self.cycles

    def discard(self) -> None:
        """Be silent until nothing comes, for longer than the core is deaf."""
        while self.advance(b"", FRAME_BYTES, 2 << SILENCE_BITS)[1]:
            pass
        self._unread = b""

    def advance(self, data: bytes, count: int, limit: int = TIMEOUT_CYCLES) -> tuple[int, bytes]:
        """Run until ``data`` is taken and ``count`` bytes have come, but at most ``limit`` cycles.

        Return how many bytes were taken, and the bytes that came.
        """
        answer = ctypes.create_string_buffer(max(1, count))
        taken, come = ctypes.c_size_t(), ctypes.c_size_t()
        self.cycles += self._library.core_run(
            self._design,
            data,
            len(data),
            ctypes.byref(taken),
            answer,
            count,
            ctypes.byref(come),
            limit,
        )
        return taken.value, answer.raw[: come.value]

    def __del__(self) -> None:
        if getattr(self, "_design", None):
            self._library.core_destroy(self._design)
            self._design = None
