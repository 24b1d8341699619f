"""A netlist as C++ in which every net carries 64 bits: one for each of 64 power-ups at once.

What a chip leaves undefined is another value in every lane. Where all lanes agree nothing undefined
can be seen. A cycle evaluates all combinational cells in an order in which each comes after those
that it reads, then the edge of the core's clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from .netlist import Bit, Cell, Netlist, NotSimulated

_STATEMENTS = 64  # of a function: compilers take long for longer ones
_CONSTANTS = {"0": "(W)0", "1": "ALL", "x": "any", "z": "any"}


class Lanes:
    """The C++ of a netlist, to which the models of cells add theirs.

    ``clocks`` names, for each kind of cell that a clock passes, the port that it comes in by;
    ``gates`` those of them, by the port that lets the clock pass; ``sources`` are kinds that make
    it.
    """

    def __init__(
        self,
        netlist: Netlist,
        *,
        clocks: Mapping[str, str],
        gates: Mapping[str, str],
        sources: Iterable[str],
    ):
        self.netlist = netlist
        self.pads: dict[str, int] = {}
        self.registers: list[Bit] = []
        self._clocks, self._gates, self._sources = clocks, gates, frozenset(sources)
        self._gate_of: dict[Bit, str] = {}
        self._root: Bit | None = None
        self._nets: dict[Bit, int] = {}
        self._nodes: list[tuple[Sequence[Bit], Sequence[Bit], str, str]] = []
        self._models: dict[str, int] = {}
        self._text: dict[str, list[str]] = {
            name: [] for name in ("start", "gate_", "edge", "after", "force", "pads")
        }
        self._drivers: dict[Bit, Cell] = {
            bit: cell
            for cell in netlist.cells
            for port, bits in cell.ports.items()
            for bit in bits
            if isinstance(bit, int) and port in _CLOCK_OUTPUTS
        }

    def net(self, bit: Bit) -> str:
        """What a bit carries, in C++."""
        if isinstance(bit, str):
            return _CONSTANTS[bit]
        return f"n[{self._nets.setdefault(bit, len(self._nets))}]"

    def vector(self, name: str, bits: Sequence[Bit]) -> str:
        """The definition of an array of what bits carry."""
        return f"const W {name}[]={{{','.join(map(self.net, bits))}}};"

    def combinational(
        self, cell: Cell, outputs: Sequence[Bit], inputs: Sequence[Bit], text: str
    ) -> None:
        """A statement that sets ``outputs`` from ``inputs``, at any time."""
        read = [bit for bit in inputs if isinstance(bit, int)]
        self._nodes.append(([b for b in outputs if isinstance(b, int)], read, text, cell.name))

    def register(self, output: Bit, after: str, *, initial: int | None) -> None:
        """A net that takes the value ``after`` at the edge; ``None`` begins it undefined."""
        index, net = len(self.registers), self.net(output)
        self.registers.append(output)
        first = "undefined()" if initial is None else _CONSTANTS[str(initial)]
        self._add("start", f"{net}={first};")
        self._add("edge", f"s[{index}]={after};")
        self._add("after", f"{net}=s[{index}];")

    def asynchronous(self, output: Bit, when: str, value: int) -> None:
        """A register that has a value while a condition holds."""
        net = self.net(output)
        forced = f"{net}|{when}" if value else f"{net}&~({when})"
        self._add("force", f"if({when}){{W w={forced};changed|=w^{net};{net}=w;}}")

    def model(self, kind: str, start: str) -> str:
        """A new object of a C++ type; ``start`` are the arguments with which it begins."""
        index = self._models[kind] = self._models.get(kind, -1) + 1
        name = f"{kind.lower()}_[{index}]"
        self._add("start", f"{name}.start({start});")
        return name

    def at_edge(self, text: str) -> None:
        """A statement of the edge, which reads nets as they were before it."""
        self._add("edge", text)

    def output(self, bit: Bit, value: str) -> None:
        """A net that shows an object's state after each edge."""
        if isinstance(bit, int):
            text = f"{self.net(bit)}={value};"
            self._add("start", text)
            self._add("after", text)

    def pad(self, cell: Cell, port: str) -> str:
        """The pad that a cell's port is connected to."""
        bit = cell.bit(port)
        for name, bits in self.netlist.ports.items():
            if bit in bits:
                return self.pin(_pin_name(name, bits, list(bits).index(bit)))
        raise cell.refuse(f"{port} is not connected to a pin")

    def bare_ports(self) -> None:
        """Pads for ports that no cell of a pad is connected to, as other netlists than a board's
        have them."""
        for name, bits in self.netlist.ports.items():
            for index, bit in enumerate(bits):
                whole = _pin_name(name, bits, index)
                if whole in self.pads:
                    continue
                pad = self.pin(whole)
                if name in self.netlist.inputs:
                    self._nodes.append(([bit], [], f"{self.net(bit)}={pad}.line;", name))
                else:
                    for member, value in (("out", self.net(bit)), ("enable", "ALL")):
                        self.drive(pad, member, value)

    def pin(self, name: str) -> str:
        """A pad that the FPGA has without saying so in its ports."""
        return f"pad[{self.pads.setdefault(name, len(self.pads))}]"

    def drive(self, pad: str, member: str, value: str) -> None:
        """What a pad drives without a register."""
        self._add("pads", f"{pad}.{member}={value};")

    def clock(self, cell: Cell, port: str) -> str:
        """The lanes in which a cell's clock has its edges. Raises ``NotSimulated`` for another one
        than that of all cells before."""
        bit = cell.bit(port, "x")
        if bit not in self._gate_of:
            self._gate_of[bit] = self._trace(cell, bit)
        return self._gate_of[bit]

    def _trace(self, cell: Cell, bit: Bit) -> str:
        gate, at = "ALL", bit
        while (driver := self._drivers.get(at)) and driver.kind in self._clocks:
            if driver.kind in self._gates:
                if gate != "ALL":
                    raise cell.refuse("its clock passes two gates")
                number = sum("gate[" in known for known in self._gate_of.values())
                gate = f"gate[{number}]"
                self._add("gate_", f"{gate}={self.net(driver.bit(self._gates[driver.kind]))};")
            at = driver.bit(self._clocks[driver.kind], "x")
        made_here = driver is not None and driver.kind in self._sources
        if not made_here and not any(at in bits for bits in self.netlist.ports.values()):
            raise cell.refuse("its clock comes neither from a pin nor from a PLL or oscillator")
        if self._root is None:
            self._root = at
        if at != self._root:
            raise cell.refuse("it has another clock than the core, and one is simulated")
        return gate

    def _add(self, section: str, text: str) -> None:
        self._text[section].append(text)

    def source(self, header: str) -> str:
        """The whole: ``struct Netlist`` with ``start``, ``settle``, ``edge``."""
        ordered = self._ordered()
        gates = sum("gate[" in known for known in self._gate_of.values())
        members = "".join(
            f"    {kind} {kind.lower()}_[{last + 1}];\n" for kind, last in self._models.items()
        )
        bodies = "".join(
            _functions(name, lines)
            for name, lines in (("evaluate", ordered), *self._text.items())
            if name != "force"
        )
        force = "\n".join(self._text["force"])
        names = "\n".join(f'    {{"{name}", {index}}},' for name, index in self.pads.items())
        return (
            f'#include "{header}"\n'
            "struct Netlist {\n"
            f"    W n[{len(self._nets) + 1}], s[{len(self.registers) + 1}], gate[{gates + 1}];\n"
            f"    W any, locked = 0;\n    Pad pad[{len(self.pads) + 1}];\n{members}{bodies}"
            f"    bool force() {{\nW changed = 0;\n{force}\nreturn changed;\n}}\n"
            "};\n"
            "struct PadName { const char *name; int pad; };\n"
            f"static const PadName pad_names[] = {{\n{names}\n    {{nullptr, 0}}}};\n"
        )

    def _ordered(self) -> list[str]:
        """The combinational statements, each after those that it reads."""
        producer = {bit: index for index, node in enumerate(self._nodes) for bit in node[0]}
        state = bytearray(len(self._nodes))  # 1: begun, 2: written
        lines: list[str] = []
        for root in range(len(self._nodes)):
            stack = [root]
            while stack:
                index = stack[-1]
                if state[index]:
                    stack.pop()
                    if state[index] == 1:
                        lines.append(self._nodes[index][2])
                    state[index] = 2
                    continue
                state[index] = 1
                for bit in self._nodes[index][1]:
                    before = producer.get(bit)
                    if before is not None and state[before] == 1:
                        name = self.netlist.names.get(bit, self._nodes[before][3])
                        raise NotSimulated(
                            f"Netlist must have no combinational loop, as there is at {name}"
                        )
                    if before is not None and not state[before]:
                        stack.append(before)
        return lines


_CLOCK_OUTPUTS = (
    *("GLOBAL_BUFFER_OUTPUT", "PLLOUTGLOBAL", "PLLOUTCORE", "D_IN_0", "CLKHF"),
    *("CLKO", "CLKOP", "CLKOS", "CLKOS2", "CLKOS3", "O", "OSC"),
)


def _pin_name(port: str, bits: Sequence[Bit], index: int) -> str:
    return f"{port}[{index}]" if len(bits) > 1 else port


def _functions(name: str, lines: Sequence[str]) -> str:
    """Member functions of moderate length, and one that calls them all."""
    parts = [lines[at : at + _STATEMENTS] for at in range(0, len(lines), _STATEMENTS)]
    made = [
        f"    void {name}_{k}() {{\n" + "\n".join(part) + "\n    }\n"
        for k, part in enumerate(parts)
    ]
    calls = " ".join(f"{name}_{k}();" for k in range(len(parts)))
    return "".join(chain(made, [f"    void {name}() {{ {calls} }}\n"]))


def table(init: int, inputs: Sequence[str]) -> str:
    """A truth table as an expression, the first input the lowest bit of its index."""
    if not inputs:
        return "ALL" if init & 1 else "(W)0"
    half = 1 << len(inputs) - 1
    mask = (1 << half) - 1
    low, high, which = init & mask, init >> half & mask, inputs[-1]
    zero, one = table(low, inputs[:-1]), table(high, inputs[:-1])
    if low == high or which == "(W)0":
        return zero
    if which == "ALL":
        return one
    if low == high ^ mask:
        return f"({which}^{zero})"
    if zero == "(W)0":
        return which if one == "ALL" else f"({which}&{one})"
    if one == "(W)0":
        return f"~{which}" if zero == "ALL" else f"(~{which}&{zero})"
    if zero == "ALL":
        return f"(~{which}|{one})"
    if one == "ALL":
        return f"({which}|{zero})"
    return f"choose({which},{one},{zero})"
