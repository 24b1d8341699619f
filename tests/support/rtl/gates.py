"""Small designs at gate level, pin by pin: one cell, or what Yosys makes of Verilog."""

import ctypes
import hashlib
import subprocess
from pathlib import Path

from accel.flow.cache.libraries import library
from accel.flow.tools import find_tool
from accel.sim.gates.bench import HERE, lanes_of
from accel.sim.gates.netlist import Cell, Netlist
from accel.sim.rtl.compiled import cache_folder, compile_library, find_compiler

ALL = (1 << 64) - 1

_POKE = """
#include <array>
#include "netlist.h"
extern "C" {
Netlist *make(u64 seed) {
    random_state = seed;
    Netlist *chip = new Netlist;
    for (W &net : chip->n) net = undefined();
    for (W &gate : chip->gate) gate = ALL;
    chip->any = undefined();
    chip->start();
    return chip;
}
void put(Netlist *chip, int pad, W line) { chip->pad[pad].line = line; }
W got(Netlist *chip, int pad) { return chip->pad[pad].out; }
void step(Netlist *chip) {
    chip->evaluate();
    while (chip->force()) chip->evaluate();
    chip->gate_();
    chip->pads();
    chip->edge();
    chip->after();
}
}
"""


class Poked:
    """A netlist in 64 lanes whose pins a test drives."""

    def __init__(self, netlist: Netlist, seed: int = 1):
        header, lanes = lanes_of(netlist)
        source = lanes.source(header)
        compiler = find_compiler()

        def make(folder: Path) -> Path:
            for path in (HERE / "lanes.h", HERE / "cells" / header):
                (folder / path.name).write_bytes(path.read_bytes())
            (folder / "netlist.h").write_text(source)
            (folder / "poke.cc").write_text(_POKE)
            flags = ("-std=c++17", "-Og", "-shared", "-fPIC")
            return compile_library(compiler, flags, "poke.cc", folder)

        digest = hashlib.sha256((source + _POKE).encode())
        for path in (HERE / "lanes.h", HERE / "cells" / header):
            digest.update(path.read_bytes())
        self.pads = lanes.pads
        self.code = library(cache_folder(), digest.hexdigest(), make).load()
        self.code.make.restype = ctypes.c_void_p
        self.code.got.restype = ctypes.c_uint64
        self.code.got.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self.code.put.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64]
        self.code.step.argtypes = [ctypes.c_void_p]
        self.chip = ctypes.c_void_p(self.code.make(ctypes.c_uint64(seed)))

    def pins(self, port: str) -> list[int]:
        """The pads of a port, the lowest bit first."""
        if port in self.pads:
            return [self.pads[port]]
        return [self.pads[f"{port}[{k}]"] for k in range(sum(port == _of(p) for p in self.pads))]

    def put(self, port: str, value: int) -> None:
        """Drive a port with a number, in all lanes."""
        for bit, pad in enumerate(self.pins(port)):
            self.code.put(self.chip, pad, ALL if value >> bit & 1 else 0)

    def put_lanes(self, port: str, words: list[int]) -> None:
        """Drive each bit of a port with what it is in each lane."""
        for pad, word in zip(self.pins(port), words, strict=True):
            self.code.put(self.chip, pad, word)

    def step(self) -> None:
        """One cycle; what it shows is as before its edge."""
        self.code.step(self.chip)

    def got(self, port: str) -> list[int]:
        """Each bit of a port in all lanes."""
        return [self.code.got(self.chip, pad) for pad in self.pins(port)]


def _of(pad: str) -> str:
    return pad.partition("[")[0]


def one_cell(kind: str, parameters: dict, inputs: dict, outputs: dict, *, clock: str) -> Netlist:
    """A netlist of one cell whose ports, with their widths, are pins of the same names."""
    bits = iter(range(2, 10_000))
    taken = {
        name: [next(bits) for _ in range(width)] for name, width in {**inputs, **outputs}.items()
    }
    taken[clock] = [next(bits)]
    cell = Cell("cell", kind, parameters, taken)
    return Netlist([cell], taken, frozenset({*inputs, clock}), {})


def synthesized(verilog: str, script: str, folder: Path) -> str:
    """What Yosys makes of Verilog, in JSON."""
    (folder / "design.v").write_text(verilog)
    subprocess.run(
        [
            find_tool("yosys").executable,
            "-q",
            "-p",
            f"{script}; write_json design.json",
            "design.v",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return (folder / "design.json").read_text()
