"""A netlist as C++: a structure with its state, and a function that executes one clock cycle.

Every cell is evaluated at most once a cycle, in an order in which most registers can be written in
place: when everything that reads a register has been evaluated, its new value replaces the old one.
What reads it later nevertheless, as where two registers are exchanged, reads a copy. Idle parts are
skipped: whoever writes a register wakes the parts that read it, for the next cycle, if it has
changed; what is computed in one part wakes those after it at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from .activity import NetlistPart, Rest, Statement, parts_of
from .cells import expression
from .netlist import Cell, Netlist
from .state_table import state_table
from .words import HEAD, Unsupported, Value, Words, constant, size

CLOCK = "clk"
_NO_PARAMETERS: Mapping[str, str] = {}


def cpp(netlist: Netlist, rest: Rest | None = None) -> str:
    """Source that defines ``State``, ``void cycle(State *)`` and the table ``places`` of what is
    where in ``State``.

    ``State`` has a member for each port, of the same name: ``cycle`` reads inputs, and sets outputs
    as they are in the cycle, before the clock edge. Registers have their initial values; memories
    are zeros unless they are initialized. Raises ``Unsupported``.
    """
    return _Writer(netlist, rest or Rest()).text()


class _Writer:
    def __init__(self, netlist: Netlist, rest: Rest):
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
            Statement(Cell(name, "output", _NO_PARAMETERS, {"A": bits}))
            for name, bits in netlist.outputs.items()
        ]
        self._relate()
        self.parts = parts_of(self.statements, rest)
        self._wake()

    def _statement(self, index: int, cell: Cell) -> Statement:
        clocked = cell.type in ("$dff", "$dffe") or (
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
            return Statement(cell, memory=memory)
        name = f"s->r{index}" if clocked else f"v{index}"
        value = self.words.drive(cell.output, Value(name, len(cell.output), state=bool(clocked)))
        return Statement(cell, value, memory)

    def _check_clock(self, cell: Cell) -> None:
        clock = self.netlist.inputs.get(CLOCK)
        resets = (cell.ports.get(port, ["0"])[0] for port in ("ARST", "SRST"))
        if cell.ports["CLK"] != clock or not cell.number("CLK_POLARITY") or {*resets} - {"0", "x"}:
            raise Unsupported(
                f"Compiled RTL has one clock {CLOCK!r}, its rising edge and no resets of a "
                f"memory's port, not what {cell.name!r} has; use --executor pysim"
            )

    def _relate(self) -> None:
        """Find what each statement must come after, and which ones read a register's old value."""
        drivers = {statement.value: statement for statement in self.statements if statement.value}
        writes: dict[Value, list[Statement]] = defaultdict(list)
        reads: dict[Value, list[Statement]] = defaultdict(list)
        for statement in self.statements:
            ports = [bits for port, bits in statement.cell.inputs.items() if port != "CLK"]
            statement.reads = self.words.values([bit for bits in ports for bit in bits])
            for value in statement.reads:
                if value.state and drivers[value] is not statement:
                    drivers[value].readers.append(statement)
                elif not value.state and value in drivers:
                    statement.after.append(drivers[value])
            if statement.memory:
                found = writes if statement.cell.type == "$memwr_v2" else reads
                found[statement.memory].append(statement)
        for memory, statements in writes.items():
            statements.sort(key=lambda write: write.cell.number("PORTID"))
            for index, write in enumerate(statements):
                write.after += statements[:index]
            for read in reads[memory]:
                self._relate_ports(read, statements)

    def _relate_ports(self, read: Statement, writes: list[Statement]) -> None:
        """A transparent port reads what others write in the same cycle."""
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

    def _wake(self) -> None:
        """Find the parts that must be evaluated when a value has changed, a bit each.

        Values that parts exchange are kept in ``State``, since they may not be computed in each
        cycle.
        """
        self.wakes: dict[Value, int] = defaultdict(int)
        self.kept: dict[Value, NetlistPart] = {}
        of = {s.value: part for part in self.parts for s in part.statements if s.value}
        for part in self.parts:
            for statement in part.statements:
                read = [statement.memory] if statement.memory and statement.value else []
                for value in (*statement.reads, *read):
                    if value.state or of.get(value) is not part:
                        self.wakes[value] |= part.bit
                    there = part if value.state else of.get(value, part)
                    if there is not part and (there.bit or part.bit):
                        self.kept[value] = there
        for value in self.kept:
            value.name = f"s->{value.name}"

    # ---------------------------------------------------------------- text

    def text(self) -> str:
        lines = ["u64 awake = s->awake, next = 0;"]
        for name, bits in self.netlist.inputs.items():
            value = self.words.of[bits[0]][0]
            if self.wakes[value]:
                lines.append(f"awake |= {self._changes(value, f's->seen_{name}')};")
                lines.append(f"s->seen_{name} = {value.name};")
        places = [(part, s) for part in self.parts for s in part.statements]
        when = {statement: place for place, (_, statement) in enumerate(places)}
        for part in self.parts:
            inside: list[str] = []
            for statement in part.statements:
                late = [r for r in statement.readers if when[r] > when[statement]]
                if late:
                    kept, value = f"k{when[statement]}", statement.driven
                    copy = f"const {value.type} {kept} = {value.name};"
                    (inside if {*late} <= {*part.statements} else lines).append(copy)
                    for reader in late:
                        reader.names[value] = kept
                inside.append(self._line(statement))
            lines += [f"if (awake & {constant(part.bit)}) {{", *inside, "}"] if part.bit else inside
        lines.append("s->awake = next;")
        body = "".join(f"    {line}\n" for line in lines)
        state = "".join(f"    {line}\n" for line in self._state())
        function = "static inline void cycle(State *__restrict__ s)"
        table = state_table(self.netlist, self.words, self.memories)
        return f"{HEAD}\nstruct State {{\n{state}}};\n\n{function} {{\n{body}}}\n\n{table}"

    def _state(self) -> Iterator[str]:
        for name, bits in {**self.netlist.inputs, **self.netlist.outputs}.items():
            yield f"u{size(len(bits))} {name} = 0;"
            if name in self.netlist.inputs and self.wakes[self.words.of[bits[0]][0]]:
                yield f"u{size(len(bits))} seen_{name} = 0;"
        yield f"u64 awake = {constant((1 << 64) - 1)};"
        for value in self.kept:
            yield f"{value.type} {_member(value)} = 0;"
        for statement in self.statements:
            if statement.keeps:
                value, output = statement.driven, statement.cell.output
                first = sum(1 << i for i, bit in enumerate(output) if bit in self.netlist.ones)
                yield f"{value.type} {_member(value)} = {constant(first)};"
        for name, value in self.memories.items():
            memory = self.netlist.memories[name]
            content = ", ".join(map(constant, memory.content))
            yield f"u{memory.type_bits} {_member(value)}[{memory.depth}] = {{{content}}};"

    def _line(self, statement: Statement) -> str:
        cell = statement.cell
        if cell.type == "output":
            return f"s->{cell.name} = {self._read(statement, 'A')};"
        if cell.type == "$memwr_v2":
            return self._write(statement)
        value = statement.driven
        if cell.type == "$dff":
            return self._assign(value, self._read(statement, "D"), "next")
        if cell.type == "$dffe":
            enable = f"{'' if cell.number('EN_POLARITY') else '!'}{self._read(statement, 'EN')}"
            return f"if ({enable}) {self._assign(value, self._read(statement, 'D'), 'next')}"
        if cell.type == "$memrd_v2":
            found = self._load(statement)
        else:
            found = expression(cell, self.words, statement.names)
        if statement.keeps:
            enable = self._read(statement, "EN")
            return f"if ({enable}) {self._assign(value, found, 'next')}"
        if value in self.kept:
            return self._assign(value, found, "awake")
        return f"const {value.type} {value.name} = {found};"

    def _assign(self, value: Value, found: str, when: str) -> str:
        """Give a member of ``State`` a value, and wake the parts that read it if it has changed."""
        if not self.wakes[value]:
            return f"{value.name} = {found};"
        wake = f"{when} |= {self._changes(value, 'now')};"
        return f"{{ const {value.type} now = {found}; {wake} {value.name} = now; }}"

    def _changes(self, value: Value, other: str) -> str:
        return f"{value.name} != {other} ? {constant(self.wakes[value])} : 0"

    def _read(self, statement: Statement, port: str) -> str:
        return self.words.read(statement.cell.ports[port], names=statement.names)

    def _place(self, statement: Statement) -> tuple[str, str]:
        """A word of a memory, and a condition for its address to exist, if it may not."""
        name = statement.cell.text("MEMID")
        memory, bits = self.netlist.memories[name], statement.cell.ports["ADDR"]
        address = f"({self._read(statement, 'ADDR')} - {memory.first}u)"
        may_miss = memory.first or 1 << len(bits) > memory.depth
        there = f"{address} < {memory.depth}" if may_miss else ""
        return f"{self.memories[name].name}[{address}]", there

    def _load(self, statement: Statement) -> str:
        word, there = self._place(statement)
        return f"({there} ? {word} : 0)" if there else word

    def _write(self, statement: Statement) -> str:
        """Write the bits that are enabled."""
        word, there = self._place(statement)
        enable, data = statement.cell.ports["EN"], self._read(statement, "DATA")
        guard = f" && {there}" if there else ""
        wakes = self.wakes[self.memories[statement.cell.text("MEMID")]]
        wake = f"next |= {constant(wakes)};" if wakes else ""
        if len({*enable}) == 1:
            one = self.words.read(enable[:1], names=statement.names)
            return f"if ({one}{guard}) {{ {word} = {data}; {wake} }}"
        mask = f"const u{size(len(enable))} en = {self._read(statement, 'EN')}; en{guard}"
        return f"if ({mask}) {{ {word} = ({word} & ~en) | ({data} & en); {wake} }}"


def _member(value: Value) -> str:
    return value.name.removeprefix("s->")
