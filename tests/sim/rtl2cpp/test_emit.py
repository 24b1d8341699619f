"""Compiled C++ answers as Amaranth's simulator, cycle for cycle: expressions, registers,
memories."""

import random

import pytest
from amaranth.hdl import *
from amaranth.lib.memory import Memory

from accel.sim.rtl2cpp import activity
from accel.sim.rtl2cpp.activity import Rest
from accel.sim.rtl2cpp.emit import cpp
from accel.sim.rtl2cpp.netlist import Cell, Netlist
from accel.sim.rtl2cpp.netlist import Memory as Words
from accel.sim.rtl2cpp.words import Unsupported
from tests.sim.rtl2cpp.designs import Design, answers_of_amaranth, answers_of_cpp

CYCLES = 300
WIDTHS = (1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33, 40, 63, 64)


def assert_alike(design, folder, cycles=CYCLES, seed=1, changing=1, rest=None):
    stimuli = design.stimuli(cycles, seed, changing)
    expected = answers_of_amaranth(design, stimuli)
    assert len({tuple(row) for row in expected}) > 10  # something has happened
    assert answers_of_cpp(design, stimuli, folder, rest) == expected


class Expressions:
    """Operations on random operands, of which the last of each kind come first again."""

    def __init__(self, seed: int, modules: int = 0):
        self.random = random.Random(seed)
        self.top = Module()
        self.modules = [Module() for _ in range(modules)] or [self.top]
        self.module = self.modules[0]
        for index, module in enumerate(self.modules if modules else ()):
            self.top.submodules[f"part{index}"] = module
        self.inputs = [
            Signal(signed(width) if self.random.random() < 0.5 else width, name=f"in{index}")
            for index, width in enumerate(self.random.choices(WIDTHS, k=14))
        ]
        self.pool = [signal for signal in self.inputs]
        self.outputs = []

    def operand(self, most: int = 64) -> Value:
        value = self.random.choice(self.pool[-40:])
        if len(value) > most:
            start = self.random.randrange(len(value) - most + 1)
            piece = value[start : start + self.random.randint(1, most)]
            value = piece.as_signed() if self.random.random() < 0.4 else piece
        return value

    def bit(self) -> Value:
        return self.operand().any() if self.random.random() < 0.5 else self.operand()[0]

    def kinds(self):
        amount = lambda: self.operand(5).as_unsigned()
        return {
            "sum": lambda a, b: a + b,
            "difference": lambda a, b: a - b,
            "product": lambda a, b: a[:40].as_signed() * b,
            "quotient": lambda a, b: a // b,
            "rest": lambda a, b: a % b,
            "and": lambda a, b: a & b,
            "or": lambda a, b: a | b,
            "xor": lambda a, b: a ^ b,
            "not": lambda a, b: ~a,
            "negative": lambda a, b: -a,
            "equal": lambda a, b: a == b,
            "unequal": lambda a, b: a != b,
            "less": lambda a, b: a < b,
            "at most": lambda a, b: a <= b,
            "more": lambda a, b: a > b,
            "at least": lambda a, b: a >= b,
            "all": lambda a, b: a.all(),
            "any": lambda a, b: Cat(a, b, a).any(),
            "wide": lambda a, b: Cat(a, b, a) == Cat(b, a, b),
            "parity": lambda a, b: a.xor(),
            "choice": lambda a, b: Mux(self.bit(), a, b),
            "left": lambda a, b: a << amount(),
            "right": lambda a, b: a >> amount(),
            "far": lambda a, b: a.as_signed() >> Cat(b, a)[:7],
            "farther": lambda a, b: a.as_unsigned() >> Cat(a, b)[:7],
            "long": lambda a, b: (Cat(a, b, a, a).as_signed() ^ b.as_signed())[-60:],
            "part": lambda a, b: Cat(a, b, a).bit_select(self.operand(8).as_unsigned(), 9),
            "word": lambda a, b: Cat(a, b).word_select(amount(), 3),
            "parts": lambda a, b: Cat(a[:3], a[:1].replicate(5), b, C(5, 4), a[-2:]),
            "turned": lambda a, b: a.as_unsigned().rotate_left(3),
            "element": lambda a, b: Array([a, b, a + 1, C(9, 5)])[amount()],
            "switch": lambda a, b: self._switch(a, b),
        }

    def _switch(self, a, b):
        result = Signal(40)
        with self.module.Switch(Cat(self.bit(), a)[:2]):
            for number, value in enumerate((a, b, a ^ b)):
                with self.module.Case(number):
                    self.module.d.comb += result.eq(value)
            with self.module.Default():
                self.module.d.comb += result.eq(b + 1)
        return result

    def add(self, make) -> None:
        if self.random.random() < 0.2:  # operations of a module depend on one another
            self.module = self.random.choice(self.modules)
        value = make(self.operand(), self.operand())
        if len(value) > 64:
            value = value[: self.random.choice((64, 50))]
        signal = Signal(value.shape(), name=f"out{len(self.outputs)}")
        if self.random.random() < 0.3:
            with self.module.If(self.bit()):
                self.module.d.sync += signal.eq(value)
        else:
            self.module.d.comb += signal.eq(value)
        self.pool.append(signal)
        self.outputs.append(signal)

    def design(self) -> Design:
        kinds = self.kinds()
        for make in [make for make in kinds.values() for _ in range(4)]:
            self.add(make)
        seen = [Signal(len(signal), name=f"o{i}") for i, signal in enumerate(self.outputs)]
        self.top.d.comb += [o.eq(signal) for o, signal in zip(seen, self.outputs, strict=True)]
        return Design(self.top, self.inputs, seen)


@pytest.mark.parametrize("seed", range(3))
def test_operations_of_any_width_and_sign(tmp_path, seed):
    assert_alike(Expressions(seed).design(), tmp_path)


@pytest.mark.parametrize("seed", [11, 13, 15])
def test_parts_that_rest_are_missed_by_nobody(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(activity, "LEAST", 3)
    restless = [f"part{part}.out{number}" for part in range(4) for number in range(0, 130, 20)]
    rest = Rest(modules=(("part0",), ("part1", "part2")), restless=restless)
    design = Expressions(seed, modules=4).design()
    assert_alike(design, tmp_path, cycles=600, changing=0.04, rest=rest)
    assert (tmp_path / "core.h").read_text().count("if (awake & ") >= 3


def test_registers_keep_their_values_while_they_are_not_enabled(tmp_path):
    """Enabled by one bit, by its complement, and by parts of a register."""
    m, enable, data = Module(), Signal(name="enable"), Signal(35, name="data")
    kept = [Signal(70, name=f"kept_{index}", init=index) for index in range(3)]
    with m.If(enable):
        m.d.sync += kept[0].eq(Cat(data, ~data))
    with m.If(~enable):
        m.d.sync += kept[1].eq(kept[0] ^ data << 20)
    with m.If(kept[0][66]):
        m.d.sync += kept[2].eq(kept[1])
    seen = [Signal(35, name=f"o{index}") for index in range(6)]
    halves = [register[low : low + 35] for register in kept for low in (0, 35)]
    m.d.comb += [o.eq(half) for o, half in zip(seen, halves, strict=True)]
    assert_alike(Design(m, [enable, data], seen), tmp_path)
    netlist = (tmp_path / "core.json").read_text()
    assert '"$dffe"' in netlist


def test_registers_that_change_places_and_registers_of_any_length(tmp_path):
    m, turn, data = Module(), Signal(name="turn"), Signal(13, name="data")
    ring = [Signal(7, init=5 * index + 1) for index in range(5)]
    pair = [Signal(33, init=1), Signal(33, init=1 << 32)]
    long = Signal(200, init=(1 << 199) | 3)
    with m.If(turn):
        m.d.sync += [here.eq(there) for here, there in zip(ring, [*ring[1:], ring[0]], strict=True)]
    m.d.sync += [pair[0].eq(pair[1]), pair[1].eq(pair[0]), long.eq(Cat(data, long))]
    outputs = [Signal(len(signal), name=f"o{i}") for i, signal in enumerate((*ring, *pair))]
    m.d.comb += [o.eq(signal) for o, signal in zip(outputs, (*ring, *pair), strict=True)]
    parts = [Signal(50, name=f"part{index}") for index in range(4)]
    m.d.comb += Cat(parts).eq(long)
    assert_alike(Design(m, [turn, data], [*outputs, *parts]), tmp_path)


@pytest.mark.parametrize("width, granularity, depth", [(8, None, 16), (24, 8, 6), (70, 35, 8)])
def test_memories_of_any_width_and_their_ports(tmp_path, monkeypatch, width, granularity, depth):
    monkeypatch.setattr(activity, "LEAST", 1)
    m = Module()
    m.submodules.bank = bank = Module()
    init = [(0x1234_5678_9ABC_DEF0_FF * (index + 3)) % (1 << width) for index in range(depth - 2)]
    bank.submodules.memory = memory = Memory(shape=width, depth=depth, init=init)
    first, residual = (memory.write_port(granularity=granularity) for _ in range(2))
    plain, at_once = memory.read_port(), memory.read_port(domain="comb")
    seeing = memory.read_port(transparent_for=(first, residual))
    inputs, read = [], []
    for name, port in {"plain": plain, "now": at_once, "seeing": seeing}.items():
        address, data = Signal(range(depth), name=f"{name}_at"), Signal(width, name=name)
        bank.d.comb += [port.addr.eq(address), data.eq(port.data)]
        # Whether it sees what is written where no word is Amaranth leaves open.
        if port is seeing:
            bank.d.comb += port.addr.eq(Mux(address < depth, address, 0))
        read += [data[begin : begin + 64] for begin in range(0, width, 64)]
        inputs.append(address)
    enable = Signal(2, name="enable")
    bank.d.comb += [plain.en.eq(enable[0]), seeing.en.eq(enable[1])]
    for name, port in {"first": first, "residual": residual}.items():
        address, lanes = (
            Signal(range(depth), name=f"{name}_at"),
            Signal(len(port.en), name=f"{name}_en"),
        )
        data = Signal(min(width, 64), name=f"{name}_data")
        bank.d.comb += [
            port.addr.eq(address),
            port.en.eq(lanes),
            port.data.eq(Cat(data, plain.data)),
        ]
        inputs += [address, lanes, data]
    outputs = [Signal(len(value), name=f"o{index}") for index, value in enumerate(read)]
    m.d.comb += [o.eq(value) for o, value in zip(outputs, read, strict=True)]
    design, rest = Design(m, [*inputs, enable], outputs), Rest(modules=(("bank",),))
    assert_alike(design, tmp_path)
    assert_alike(design, tmp_path, changing=0.1, rest=rest)
    assert "if (awake & " in (tmp_path / "core.h").read_text()


def test_a_word_goes_around_through_a_memory_and_a_register(tmp_path):
    """Reading, what reads it, and writing wait for one another: one of them works on a copy."""
    m, held = Module(), Signal(8)
    place, data, o = (
        Signal(width, name=name) for name, width in {"place": 2, "data": 8, "o": 8}.items()
    )
    m.submodules.memory = memory = Memory(shape=8, depth=4, init=[1, 2, 3, 4])
    read, write = memory.read_port(), memory.write_port()
    m.d.comb += [read.addr.eq(place), write.addr.eq(place), write.en.eq(1), write.data.eq(held)]
    m.d.sync += held.eq(read.data)
    with m.If(data[:2] == 0):
        m.d.sync += held.eq(data)
    m.d.comb += o.eq(read.data ^ held)
    assert_alike(Design(m, [place, data], [o]), tmp_path)


def test_a_table_of_constants(tmp_path):
    """Yosys makes a memory of a large choice between constants."""
    m, which, o = Module(), Signal(5, name="which"), Signal(12, name="o")
    with m.Switch(which):
        for number in range(32):
            with m.Case(number):
                m.d.comb += o.eq(number * 137 + 5)
    assert_alike(Design(m, [which], [o]), tmp_path)
    assert "[32] = {0x5u" in (tmp_path / "core.h").read_text()


def netlist(*cells, memories=None):
    return Netlist(cells, memories or {}, {"clk": [2], "a": [3, 4]}, {"o": [9]}, frozenset())


def cell(kind, parameters=None, **ports):
    return Cell(f"a {kind}", kind, parameters or {}, ports)


def refuses(message, *cells, memories=None):
    with pytest.raises(Unsupported) as problem:
        cpp(netlist(*cells, memories=memories))
    assert str(problem.value) == message


def test_what_it_has_no_cpp_for_is_refused():
    refuses(
        "Compiled RTL has no cell $alu, as 'a $alu' is; use --executor pysim",
        cell("$alu", A=[3], Y=[9]),
    )
    clocked = (
        "Compiled RTL has one clock 'clk', its rising edge and no resets of a memory's port, not "
    )
    for clock, edge in ((3, "1"), (2, "0")):
        refuses(
            f"{clocked}what 'a $dff' has; use --executor pysim",
            cell("$dff", {"CLK_POLARITY": edge}, CLK=[clock], D=[3], Q=[9]),
        )
    wide = [3] * 200
    signs = {"A_SIGNED": "0", "B_SIGNED": "0"}
    refuses(
        "Compiled RTL has no arithmetic of 200 bits; use --executor pysim",
        cell("$add", signs, A=wide, B=wide, Y=[*range(9, 209)]),
    )
    signs["B_SIGNED"] = "1"
    refuses(
        "Compiled RTL has no shift by a signed amount; use --executor pysim",
        cell("$shift", signs, A=[3], B=[4], Y=[9]),
    )


def test_a_port_that_sees_some_writes_and_not_others_is_refused():
    common = {"MEMID": "m", "CLK_ENABLE": "1", "CLK_POLARITY": "1"}
    read = {"CLK": [2], "EN": ["1"], "ADDR": [3], "DATA": [9]}
    write = {"CLK": [2], "EN": [4], "ADDR": [3], "DATA": [4]}
    refuses(
        "Compiled RTL cannot read 'a $memrd_v2', which sees some writes and others not; "
        "use --executor pysim",
        cell("$memrd_v2", common | {"TRANSPARENCY_MASK": "01"}, **read),
        cell("$memwr_v2", common | {"PORTID": "0"}, **write),
        cell("$memwr_v2", common | {"PORTID": "1"}, **write),
        memories={"m": Words(1, 2, 0, [])},
    )
