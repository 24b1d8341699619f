"""Runs any design of one clock in compiled C++ and in Amaranth's simulator, for what they
answer."""

import random
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import *

from accel.flow.tools import find_tool
from accel.sim.rtl import compiled
from accel.sim.rtl2cpp.activity import Rest
from accel.sim.rtl2cpp.emit import cpp
from accel.sim.rtl2cpp.netlist import read
from tests.support.rtl.simulation import simulate

_MAIN = """
#include "core.h"
#include <cstdio>
int main() {{
    State *s = new State;
    u64 in[{inputs}];
    while (fread(in, 8, {inputs}, stdin) == {inputs}) {{
        {sets}
        cycle(s);
        const u64 out[] = {{ {gets} }};
        fwrite(out, 8, {outputs}, stdout);
    }}
}}
"""


class Design(Elaboratable):
    """``inputs`` and ``outputs`` are signals of at most 64 bits; ``module`` is what joins them."""

    def __init__(self, module: Module, inputs: Sequence[Signal], outputs: Sequence[Signal]):
        self.module, self.inputs, self.outputs = module, inputs, outputs
        self.module.domains.sync = self.clocked = ClockDomain("sync", reset_less=True)

    def elaborate(self, platform):
        return self.module

    def stimuli(self, cycles: int, seed: int, changing: float = 1) -> list[list[int]]:
        """Random values for the inputs, extreme ones among them; each changes now and then."""
        source, rows = random.Random(seed), [[0] * len(self.inputs)]
        for _ in range(cycles):
            rows.append(
                [
                    source.choice(
                        [0, (1 << len(signal)) - 1, *[source.getrandbits(len(signal))] * 6]
                    )
                    if source.random() < changing
                    else before
                    for signal, before in zip(self.inputs, rows[-1], strict=True)
                ]
            )
        return rows[1:]


def answers_of_cpp(
    design: Design, stimuli: list[list[int]], folder: Path, rest: Rest | None = None
) -> list[list[int]]:
    """The outputs in each cycle, as ``accel.sim.rtl.compiled`` makes C++ of a core."""
    ports = [design.clocked.clk, *design.inputs, *design.outputs]
    (folder / "core.il").write_text(rtlil.convert(design, ports=ports, emit_src=False))
    yosys = find_tool("yosys").executable
    subprocess.run([yosys, "-q", "-p", compiled._SCRIPT], cwd=folder, check=True)
    (folder / "core.h").write_text(cpp(read((folder / "core.json").read_text()), rest))
    main = _MAIN.format(
        inputs=len(design.inputs),
        outputs=len(design.outputs),
        sets=" ".join(f"s->{s.name} = in[{i}];" for i, s in enumerate(design.inputs)),
        gets=", ".join(f"s->{s.name}" for s in design.outputs),
    )
    (folder / "main.cc").write_text(main)
    command = compiled.find_compiler().command
    flags = ["-std=c++17", "-O1", "-fwrapv", "-fsanitize=undefined", "-fno-sanitize-recover"]
    subprocess.run([*command, *flags, "main.cc", "-o", "main"], cwd=folder, check=True)
    given = b"".join(struct.pack(f"<{len(row)}Q", *row) for row in stimuli)
    said = subprocess.run([folder / "main"], input=given, capture_output=True, check=True).stdout
    return [list(row) for row in struct.iter_unpack(f"<{len(design.outputs)}Q", said)]


def answers_of_amaranth(design: Design, stimuli: list[list[int]]) -> list[list[int]]:
    """The outputs in each cycle, as Amaranth's simulator has them before the clock's edge."""
    answers = []

    async def bench(ctx):
        for row in stimuli:
            for signal, value in zip(design.inputs, row, strict=True):
                ctx.set(signal, value)
            answers.append([ctx.get(signal) for signal in design.outputs])
            await ctx.tick()

    simulate(design, bench, cycles=len(stimuli) + 10)
    return answers
