"""A netlist as C++: a structure with its state, and a function that takes a cycle of its clock.

Every cell is evaluated once a cycle, in an order in which registers can mostly be written in place:
when all that reads one has been evaluated, its new value replaces the old one. What reads it later
nevertheless, as where two registers change places, reads a copy.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .cpp_cells import expression
from .cpp_order import ordered
from .cpp_words import HEAD, Unsupported, Value, Words, constant, size
from .netlist import Bit, Bits, Cell, Memory, Netlist

CLOCK = "clk"
_NO_CELL: Mapping[str, str] = {}


@dataclass(eq=False)
class _Statement:
    """What drives ``value``, or writes to a memory, or drives an output of the design."""

    cell: Cell
    value: Value | None = None
    memory: Value | None = None
    after: list["_Statement"] = field(default_factory=list)
    readers: list["_Statement"] = field(default_factory=list)  # of the old value
    names: dict[Value, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.cell.type

    @property
    def keeps(self) -> bool:
        """Whether it writes a register."""
        return self.value is not None and self.value.state


def cpp(netlist: Netlist) -> str:
    """Source that defines ``State`` and ``void cycle(State *)``.

    ``State`` has a member for each port, named like it: ``cycle`` reads inputs, and finds outputs
    as they are in the cycle, before its clock's edge. It comes up as the design does; memories are
    zeros unless said otherwise. Raises ``Unsupported``.
    """
    return _Writer(netlist).text()


class _Writer:
    def __init__(self, netlist: Netlist):
        self.netlist = netlist
        self.words = Words()
        for name, bits in netlist.inputs.items():
            self.words.drive(bits, Value(f"s->{name}", len(bits)))
        self.memories = {
            name: Value(f"s->m{index}", memory.width, state=True)
            for index, (name, memory) in enumerate(netlist.memories.items())
        }
        self.statements = [self._statement(*pair) for pair in enumerate(netlist.cells)]
        self.statements += [
            _Statement(Cell(name, "output", _NO_CELL, {"A": bits}))
            for name, bits in netlist.outputs.items()
        ]
        self._relate()

    def _statement(self, index: int, cell: Cell) -> _Statement:
        clocked = cell.type == "$dff" or (
            cell.type in ("$memrd_v2", "$memwr_v2") and cell.number("CLK_ENABLE")
        )
        if clocked:
            self._check_clock(cell)
        memory = None
        if cell.type in ("$memrd_v2", "$memwr_v2"):
            memory = self.memories[cell.text("MEMID")]
        if cell.type == "$memwr_v2":
            if not clocked:
                raise Unsupported(f"Compiled RTL cannot write {cell.name!r} without a clock")
            return _Statement(cell, memory=memory)
        name = f"s->r{index}" if clocked else f"v{index}"
        value = self.words.drive(cell.output, Value(name, len(cell.output), state=clocked))
        return _Statement(cell, value, memory)

    def _check_clock(self, cell: Cell) -> None:
        clock = self.netlist.inputs.get(CLOCK)
        resets = (cell.ports.get(port, ["0"])[0] for port in ("ARST", "SRST"))
        if cell.ports["CLK"] != clock or not cell.number("CLK_POLARITY") or {*resets} - {"0", "x"}:
            raise Unsupported(
                f"Compiled RTL has one clock {CLOCK!r}, its rising edge and no resets of a memory's "
                f"port, not what {cell.name!r} has; use --executor pysim"
            )

    def _relate(self) -> None:
        """Find out what each statement must come after, and who reads a register's old value."""
        drivers = {statement.value: statement for statement in self.statements if statement.value}
        writes, reads = defaultdict(list), defaultdict(list)
        for statement in self.statements:
            for value in self._read_by(statement):
                if value.state and drivers[value] is not statement:
                    drivers[value].readers.append(statement)
                elif not value.state and value in drivers:
                    statement.after.append(drivers[value])
            if statement.memory:
                found = writes if statement.kind == "$memwr_v2" else reads
                found[statement.memory].append(statement)
        for memory, ports in writes.items():
            ports.sort(key=lambda port: port.cell.number("PORTID"))
            for index, port in enumerate(ports):
                port.after += ports[:index]
            for read in reads[memory]:
                self._relate_ports(read, ports)

    def _relate_ports(self, read: _Statement, writes: list[_Statement]) -> None:
        """A port that is transparent reads what others write in the same cycle."""
        seen = {*read.cell.text("TRANSPARENCY_MASK")} if read.keeps else {"0"}
        if seen == {"1"}:
            read.after += writes
        elif "1" not in seen:
            for write in writes:
                write.after.append(read)
        else:
            raise Unsupported(
                f"Compiled RTL cannot read {read.cell.name!r}, which sees some writes and others "
                "not; use --executor pysim"
            )

    def _read_by(self, statement: _Statement) -> list[Value]:
        bits: list[Bit] = []
        for port, more in statement.cell.inputs.items():
            if port != "CLK":
                bits += more
        return self.words.values(bits)

    # ---------------------------------------------------------------- text

    def text(self) -> str:
        order = ordered(self.statements, lambda s: s.after, lambda s: s.readers)
        places = {statement: place for place, statement in enumerate(order)}
        lines = []
        for place, statement in enumerate(order):
            late = [reader for reader in statement.readers if places[reader] > place]
            if late and statement.value:
                kept = f"k{place}"
                lines.append(
                    f"const u{size(statement.value.width)} {kept} = {statement.value.name};"
                )
                for reader in late:
                    reader.names[statement.value] = kept
            lines.append(self._line(statement))
        body = "".join(f"    {line}\n" for line in lines)
        state = "".join(f"    {line}\n" for line in self._state())
        function = "static inline void cycle(State *__restrict__ s)"
        return f"{HEAD}\nstruct State {{\n{state}}};\n\n{function} {{\n{body}}}\n"

    def _state(self) -> Iterator[str]:
        for name, bits in (self.netlist.inputs | self.netlist.outputs).items():
            yield f"u{size(len(bits))} {name} = 0;"
        for statement in self.statements:
            if statement.keeps:
                value, output = statement.value, statement.cell.output
                first = sum((bit in self.netlist.ones) << i for i, bit in enumerate(output))
                yield f"u{size(value.width)} {_member(value)} = {constant(first)};"
        for name, value in self.memories.items():
            memory = self.netlist.memories[name]
            content = ", ".join(map(constant, memory.content))
            bits = next(bits for bits in (8, 16, 32, 64) if memory.width <= bits)
            yield f"u{bits} {_member(value)}[{memory.depth}] = {{{content}}};"

    def _line(self, statement: _Statement) -> str:
        cell, value = statement.cell, statement.value
        if cell.type == "output":
            return f"s->{cell.name} = {self._read(statement, 'A')};"
        if cell.type == "$dff":
            return f"{value.name} = {self._read(statement, 'D')};"
        if cell.type == "$memwr_v2":
            return self._write(statement)
        if cell.type == "$memrd_v2":
            found = self._load(statement)
        else:
            found = expression(cell, self.words, statement.names)
        if not statement.keeps:
            return f"const u{size(value.width)} {value.name} = {found};"
        return f"if ({self._read(statement, 'EN')}) {value.name} = {found};"

    def _read(self, statement: _Statement, port: str) -> str:
        return self.words.read(statement.cell.ports[port], names=statement.names)

    def _place(self, statement: _Statement) -> tuple[str, str]:
        """A word of a memory, and whether there is one with such an address."""
        memory: Memory = self.netlist.memories[statement.cell.text("MEMID")]
        bits: Bits = statement.cell.ports["ADDR"]
        address = f"({self._read(statement, 'ADDR')} - {memory.first}u)"
        there = (
            f"{address} < {memory.depth}" if memory.first or 1 << len(bits) > memory.depth else ""
        )
        return f"{statement.memory.name}[{address}]", there

    def _load(self, statement: _Statement) -> str:
        word, there = self._place(statement)
        return f"({there} ? {word} : 0)" if there else word

    def _write(self, statement: _Statement) -> str:
        """Write the bits that are enabled."""
        word, there = self._place(statement)
        enable, data = statement.cell.ports["EN"], self._read(statement, "DATA")
        guard = f" && {there}" if there else ""
        if len({*enable}) == 1:
            one = self.words.read(enable[:1], names=statement.names)
            return f"if ({one}{guard}) {word} = {data};"
        mask = self._read(statement, "EN")
        wide = size(len(enable))
        return f"if (const u{wide} en = {mask}; en{guard}) {word} = ({word} & ~en) | ({data} & en);"


def _member(value: Value) -> str:
    return value.name.removeprefix("s->")
