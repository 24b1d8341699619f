"""A flat design as Yosys writes it in JSON: cells that read and drive bits, memories, ports.

Bits are numbers of nets, or "0", "1", "x" and "z". Cells and their ports are defined in Yosys'
manual, "Internal cell library".
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

Bit = int | str
Bits = Sequence[Bit]

WORD = 64
"""Bits: what is wider is cut in parts where each bit of a cell stands for itself."""

# Of cells that may be cut: the ports that are cut with them.
_BY_BIT: Mapping[str, tuple[str, ...]] = {
    "$dff": ("D", "Q"),
    "$dffe": ("D", "Q"),
    "$not": ("A", "Y"),
    **dict.fromkeys(("$mux", "$pmux", "$and", "$or", "$xor", "$xnor"), ("A", "B", "Y")),
}
_OUTPUTS = {
    "$dff": "Q",
    "$dffe": "Q",
    "$memrd_v2": "DATA",
    "$memwr_v2": "",
    "$meminit_v2": "",
    "$meminit": "",
}


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell, with the bits at its ports and its parameters as binary digits.

    ``module`` is the module that it came from, as in ``core.link``, or "" if Yosys made it;
    ``names`` are those of what it drives, as in ``core.link.count``.
    """

    name: str
    type: str
    parameters: Mapping[str, str]
    ports: Mapping[str, Bits]
    module: str = ""
    names: frozenset[str] = frozenset()

    def number(self, parameter: str) -> int:
        return int(self.parameters[parameter].replace("x", "0") or "0", 2)

    def text(self, parameter: str) -> str:
        return self.parameters[parameter].removeprefix("\\")

    @property
    def output(self) -> Bits:
        return self.ports.get(_OUTPUTS.get(self.type, "Y"), [])

    @property
    def inputs(self) -> Mapping[str, Bits]:
        output = _OUTPUTS.get(self.type, "Y")
        return {port: bits for port, bits in self.ports.items() if port != output}


@dataclass(frozen=True)
class Memory:
    """Words of ``width`` bits, at addresses from ``first`` on, and the initial values of the first
    of them."""

    width: int
    depth: int
    first: int
    content: Sequence[int]

    @property
    def type_bits(self) -> int:
        """Bits of the type that holds a word in C++."""
        return next(size for size in (8, 16, 32, 64) if self.width <= size)


@dataclass(frozen=True)
class Netlist:
    """A design of one module.

    ``ones`` are the bits of registers whose initial value is 1; ``names`` has the bits of nets by
    their names, as in ``core.link.count``.
    """

    cells: Sequence[Cell]
    memories: Mapping[str, Memory]
    inputs: Mapping[str, Bits]
    outputs: Mapping[str, Bits]
    ones: frozenset[int]
    names: Mapping[str, Bits] = field(default_factory=dict)


def read(text: str) -> Netlist:
    """The netlist that ``write_json`` wrote of a flat design; wide cells are cut into words."""
    top = json.loads(text)["modules"]["top"]
    names = defaultdict(set)
    for name, raw in top["netnames"].items():
        for bit in raw["bits"]:
            names[bit].add(name)
    cells = [
        _named(Cell(name, raw["type"], raw["parameters"], raw["connections"]), names)
        for name, raw in top["cells"].items()
        if raw["type"] != "$scopeinfo"
    ]
    ones = {
        bit
        for raw in top["netnames"].values()
        for bit, level in zip(raw["bits"], raw["attributes"].get("init", "")[::-1], strict=False)
        if level == "1"
    }
    inputs, outputs = (
        {name: raw["bits"] for name, raw in top["ports"].items() if raw["direction"] == direction}
        for direction in ("input", "output")
    )
    edges = _edges(cells)
    return Netlist(
        cells=[part for cell in cells for part in _cut(cell, edges) if not _fills(cell)],
        memories=dict(_memories(top.get("memories", {}), [*filter(_fills, cells)])),
        inputs=inputs,
        outputs=outputs,
        ones=frozenset(ones),
        names={
            name: raw["bits"] for name, raw in top["netnames"].items() if not name.startswith("$")
        },
    )


def _named(cell: Cell, names: Mapping[Bit, set[str]]) -> Cell:
    """A cell with its module: from its own name, else from the name of what it drives."""
    driven = names[cell.output[0]] if cell.output else set()
    public = {name for name in driven if not name.startswith("$")}
    modules = [_module(cell.name), *map(_module, sorted(driven - public))]
    modules += sorted((name.rpartition(".")[0] for name in public), key=len, reverse=True)
    return replace(cell, module=next(filter(None, modules), ""), names=frozenset(public))


def _module(name: str) -> str:
    """The module in the name that a cell or a net got when its module was flattened."""
    path = re.match(r"\$flatten((?:\\[^.]+\.)+)", name)
    return path[1].replace("\\", "").removesuffix(".") if path else ""


def number(bits: Bits) -> int:
    """The value of constant bits, unknown ones as 0."""
    return sum(1 << index for index, bit in enumerate(bits) if bit == "1")


def runs(bits: Bits) -> Iterator[tuple[int, int]]:
    """Begin and end of each run of ``bits`` that are consecutive nets, or constants."""
    begin = 0
    for end, (bit, following) in enumerate(pairwise([*bits, None]), 1):
        goes_on = following == bit + 1 if isinstance(bit, int) else isinstance(following, str)
        if not goes_on:
            yield begin, end
            begin = end


def _fills(cell: Cell) -> bool:
    return cell.type.startswith("$meminit")


def _memories(
    memories: Mapping[str, Mapping], filled: Iterable[Cell]
) -> Iterator[tuple[str, Memory]]:
    """Each memory in parts of a word's width, with initial values up to the last that is not
    zero."""
    for name, raw in memories.items():
        name, width, first = name.removeprefix("\\"), raw["width"], raw["start_offset"]
        content = [0] * raw["size"]
        for cell in filled:
            if cell.text("MEMID") == name:
                data, start = cell.ports["DATA"], number(cell.ports["ADDR"]) - first
                for index in range(len(data) // width):
                    content[start + index] = number(data[index * width : (index + 1) * width])
        while content and not content[-1]:
            content.pop()
        for part, begin in enumerate(range(0, width, WORD)):
            bits = min(WORD, width - begin)
            words = [value >> begin & (1 << bits) - 1 for value in content]
            yield f"{name}#{part}", Memory(bits, raw["size"], first, words)


def _edges(cells: Iterable[Cell]) -> set[int]:
    """The nets at which some cell's input begins, or after which one ends."""
    edges = set()
    for cell in cells:
        for bits in cell.inputs.values():
            for begin, end in runs(bits):
                first = bits[begin]
                if isinstance(first, int):
                    edges |= {first, first + end - begin}
    return edges


def _cut(cell: Cell, edges: set[int]) -> Iterator[Cell]:
    """A cell in parts of at most a word, cut where other cells cut its output, if they do."""
    if cell.type in ("$memrd_v2", "$memwr_v2"):
        names = [name for name in ("DATA", "EN") if len(cell.ports[name]) > 1 or name == "DATA"]
        for part, begin in enumerate(range(0, len(cell.ports["DATA"]), WORD)):
            ports = {name: cell.ports[name][begin : begin + WORD] for name in names}
            memory = f"{cell.text('MEMID')}#{part}"
            parameters = {**cell.parameters, "MEMID": memory}
            yield replace(
                cell,
                name=f"{cell.name}#{part}",
                parameters=parameters,
                ports={**cell.ports, **ports},
            )
        return
    output, width = cell.output, len(cell.output)
    if width <= WORD or cell.type not in _BY_BIT:
        yield cell
        return
    begin = 0
    while begin < width:
        most = min(begin + WORD, width)
        places = range(most, begin, -1)
        end = most if most == width else next((i for i in places if output[i] in edges), most)
        ports = dict(cell.ports)
        for port in _BY_BIT[cell.type]:
            bits = cell.ports[port]
            rows = range(0, len(bits), width) if cell.type == "$pmux" else [0]
            bits = _extended(bits, width, cell) if len(bits) < width else bits
            ports[port] = [bit for row in rows for bit in bits[row + begin : row + end]]
        yield replace(cell, name=f"{cell.name}#{begin}", ports=ports)
        begin = end


def _extended(bits: Bits, width: int, cell: Cell) -> Bits:
    signed = all(cell.number(name) for name in ("A_SIGNED", "B_SIGNED") if name in cell.parameters)
    return [*bits, *[bits[-1] if signed else "0"] * (width - len(bits))]
