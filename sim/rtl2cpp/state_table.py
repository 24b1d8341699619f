"""A table of what is where in a simulator's state: registers and memories by their names in RTL.

Whoever has it can look at a register from outside, or hold a bit where it is, see
`rtl.stuck_bits`.
"""

from collections.abc import Iterator, Mapping

from .netlist import Netlist
from .words import Value, Words, size

_HEAD = """// A part of a register: bits of it from `first` on are bits of a member from `shift` on.
// Or a memory: `words` of them, each in a type of `bytes`.
struct Place {
    const char *name;
    u32 first, width, shift, bytes;
    u64 offset, words;
};
"""


def state_table(netlist: Netlist, words: Words, memories: Mapping[str, Value]) -> str:
    """Source that defines ``places``, the end of which has no name."""
    rows = [*_registers(netlist, words), *_memories(netlist, memories), "{nullptr}"]
    body = "".join(f"    {row},\n" for row in rows)
    return f"{_HEAD}static const Place places[] = {{\n{body}}};\n"


def _registers(netlist: Netlist, words: Words) -> Iterator[str]:
    for name, bits in netlist.names.items():
        begin = 0
        while begin < len(bits):
            value, shift = words.of.get(bits[begin], (None, 0))
            end = begin + 1
            if value is None or not value.state:
                begin = end
                continue
            while end < len(bits) and words.of.get(bits[end]) == (value, shift + end - begin):
                end += 1
            kept = size(value.width) // 8
            yield _row(name, value, begin, end - begin, shift, kept, 0)
            begin = end


def _memories(netlist: Netlist, memories: Mapping[str, Value]) -> Iterator[str]:
    for name, value in memories.items():
        memory = netlist.memories[name]
        whole, _, part = name.rpartition("#")
        first = 64 * int(part)
        yield _row(whole, value, first, memory.width, 0, memory.type_bits // 8, memory.depth)


def _row(name: str, value: Value, first: int, width: int, shift: int, kept: int, words: int) -> str:
    member = value.name.removeprefix("s->")
    text = name.replace("\\", "\\\\").replace('"', '\\"')
    place = f"offsetof(State, {member})"
    return f'{{"{text}", {first}, {width}, {shift}, {kept}, {place}, {words}}}'
