"""A serial line to a core: in compiled RTL, or a board's netlist in 64 lanes.

Both take the same bytes, get each edge of the line in the same cycle, and tell in which cycle each
byte of theirs came.
"""

import ctypes
import hashlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from accel.config import AcceleratorConfig
from accel.flow.cache.libraries import Library, library
from accel.flow.cache.store import key_of
from accel.protocol import EIGHTHS

from ..rtl.compiled import (
    cache_folder,
    compile_library,
    compiled,
    find_compiler,
    flags_of_the_environment,
)
from ..rtl.harness import FLASH_OFFSET, flash_bytes_for
from .cells import ecp5, ice40
from .harness import HERE, harness_of
from .lanes import Lanes
from .netlist import Netlist, NotSimulated, read

LANES = 64
_FLAGS = ("-std=c++17", "-Og", "-fno-strict-aliasing", "-shared", "-fPIC")
_SOURCES = ("netlist_bench.cc", "bench.h", "lanes.h", "flash.h")
_GENERATORS = ("netlist.py", "lanes.py", "bench.py", "cells/*.py", "cells/*.h", "*.h", "*.cc")
_FLASH_LINES = 4


class _Heard(ctypes.Structure):
    _fields_ = (
        ("cycle", ctypes.c_uint64),
        ("differing", ctypes.c_uint64),
        ("byte", ctypes.c_uint8),
    )


@dataclass(frozen=True)
class Heard:
    """A byte that came: in which cycle its start bit began, and the lanes in which another one
    came."""

    byte: int
    cycle: int
    differing: int = 0


class Bench:
    """A core at the other end of a serial line whose bit takes ``bit`` eighths of a cycle."""

    def __init__(self, compiled_bench: Library, *, bit: int, seed: int = 0):
        self._library = compiled_bench.load()
        self._library.bench_create.restype = ctypes.c_void_p
        self._library.bench_create.argtypes = [ctypes.c_uint64]
        for name, result, arguments in (
            ("destroy", None, ()),
            ("bit", None, (ctypes.c_int,)),
            ("cycle", ctypes.c_uint64, ()),
            ("run", ctypes.c_size_t, (ctypes.c_char_p, *(ctypes.c_size_t,) * 2, ctypes.c_uint64)),
            ("take", None, (ctypes.POINTER(_Heard),)),
            ("burn", None, (ctypes.c_uint, ctypes.c_char_p, ctypes.c_size_t)),
            ("lock", None, (ctypes.c_int,)),
            ("differences", ctypes.c_uint64, ()),
        ):
            function = getattr(self._library, f"bench_{name}")
            function.restype, function.argtypes = result, [ctypes.c_void_p, *arguments]
        self._bench = self._library.bench_create(seed)
        self.set_bit(bit)

    @property
    def cycle(self) -> int:
        """The cycles that have passed."""
        return self._library.bench_cycle(self._bench)

    @property
    def differences(self) -> int:
        """The cycles in which an output was not the same in all lanes."""
        return self._library.bench_differences(self._bench)

    def set_bit(self, eighths: int) -> None:
        """Let a bit of the line take so long from now on."""
        self._library.bench_bit(self._bench, eighths)

    def run(self, data: bytes, wanted: int, limit: int) -> list[Heard]:
        """Send bytes, and run until ``wanted`` bytes have come, for at most ``limit`` cycles.

        Return these, or all that came if they are fewer.
        """
        come = self._library.bench_run(self._bench, data, len(data), wanted, limit)
        return [self._take() for _ in range(min(come, wanted))]

    def wait(self, cycles: int, take: bool = False) -> list[Heard]:
        """Let so many cycles pass. With ``take`` all that has come is returned."""
        come = self._library.bench_run(self._bench, b"", 0, ctypes.c_size_t(-1), cycles)
        return [self._take() for _ in range(come)] if take else []

    def _take(self) -> Heard:
        heard = _Heard()
        self._library.bench_take(self._bench, heard)
        return Heard(heard.byte, heard.cycle, heard.differing)

    def burn(self, offset: int, image: bytes) -> None:
        """Write a program's image into the flash."""
        self._library.bench_burn(self._bench, offset, image, len(image))

    def lock(self, locked: bool) -> None:
        """Let the PLL have its lock, or lose it."""
        self._library.bench_lock(self._bench, locked)

    def __del__(self) -> None:
        if getattr(self, "_bench", None):
            self._library.bench_destroy(self._bench)
            self._bench = None


def rtl_bench(config: AcceleratorConfig, *, bit: int, image: bytes = b"") -> Bench:
    """A line to a core in compiled RTL, with a program's image in its flash.

    Raises ``CannotCompileRtl`` and ``CannotLoad``.
    """
    flash_bytes = flash_bytes_for(len(image))
    bench = Bench(compiled(config, harness_of(bit), flash_bytes), bit=bit)
    if config.flash_lanes:
        bench.burn(FLASH_OFFSET, image)
    return bench


@dataclass(frozen=True, kw_only=True)
class Pins:
    """The ports of a netlist that a host and a flash are connected to, by the names of their
    resources: ``uart_0`` and, if the core has a flash, such as ``spi_flash_4x_0``."""

    uart: str
    flash: str | None = None

    def found(self, pads: Mapping[str, int]) -> dict[str, list[int]]:
        """Numbers of pads by what they are for. Raises ``NotSimulated``."""
        found = {}
        for name in ("rx", "tx"):
            port = f"{self.uart}__{name}__io"
            if port not in pads:
                raise NotSimulated(
                    f"Netlist has no pin {port}: the simulation talks over a UART; give a build "
                    "without --spi"
                )
            found[name.upper()] = [pads[port]]
        if self.flash is None:
            return found | {"CS": [-1], "SCK": [-1], "DQ": [-1] * _FLASH_LINES}
        base = f"{self.flash}__"
        lines = [pads.get(f"{base}dq__io[{k}]", -1) for k in range(_FLASH_LINES)]
        if lines[0] < 0:
            lines = [pads.get(f"{base}{name}__io", -1) for name in ("copi", "cipo")] + [-1, -1]
        clock = [pads[name] for name in pads if name in (f"{base}clk__io", "USRMCLK__clk__io")]
        if f"{base}cs__io" not in pads or not clock or lines[0] < 0:
            raise NotSimulated(f"Netlist has no pins of a flash {self.flash!r}")
        return found | {"CS": [pads[f"{base}cs__io"]], "SCK": clock[:1], "DQ": lines}


def netlist_bench(text: str, pins: Pins, *, bit: int, seed: int = 0) -> Bench:
    """A line to a netlist, as Yosys writes it in JSON, in 64 lanes.

    Raises ``NotSimulated``, ``CannotCompileRtl`` and ``CannotLoad``.
    """
    compiler = find_compiler()
    flags = (*_FLAGS, *flags_of_the_environment())
    machine = (sys.platform, platform.machine())
    tools = (*compiler.command, compiler.version, *machine, *flags)
    content = hashlib.sha256(text.encode()).hexdigest()
    places = [pins.uart, pins.flash or ""]

    def make(folder: Path) -> Path:
        header, lanes = lanes_of(read(text))
        for path in (*(HERE / name for name in _SOURCES), HERE / "cells" / header):
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "netlist.h").write_text(lanes.source(header))
        (folder / "pins.h").write_text(_wiring(pins.found(lanes.pads)))
        return compile_library(compiler, flags, _SOURCES[0], folder, "the netlist's C++")

    key = key_of("gates", _sources_digest(), content, places, tools)
    return Bench(library(cache_folder(), key, make), bit=bit, seed=seed)


def lanes_of(netlist: Netlist) -> tuple[str, Lanes]:
    """The name of a family's header, and a netlist in C++. Raises ``NotSimulated``."""
    kinds = {cell.kind for cell in netlist.cells}
    family = next((module for module in (ice40, ecp5) if kinds & module.MODELS.keys()), None)
    if family is None:
        raise NotSimulated("Netlist must be one for an iCE40 or ECP5, after synthesis")
    lanes = Lanes(netlist, clocks=family.CLOCKS, gates=family.GATES, sources=family.SOURCES)
    for cell in netlist.cells:
        if cell.kind not in family.MODELS:
            raise cell.refuse("no model of this cell is known")
        family.MODELS[cell.kind](lanes, cell)
    lanes.bare_ports()
    return family.HEADER, lanes


def _wiring(pins: Mapping[str, list[int]]) -> str:
    """The numbers of pads as C++."""
    rows = []
    for name, pads in pins.items():
        array = f"[{len(pads)}]" if name == "DQ" else ""
        rows.append(f"static const int {name}{array} = {{{', '.join(map(str, pads))}}};\n")
    return "".join(rows)


@cache
def _sources_digest() -> str:
    digest = hashlib.sha256()
    for path in (path for pattern in _GENERATORS for path in sorted(HERE.glob(pattern))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def bit_of(clock_mhz: float, baud: float) -> int:
    """The eighths of a cycle that a bit takes, as a board's UART makes it."""
    return round(EIGHTHS * clock_mhz * 1e6 / baud)
