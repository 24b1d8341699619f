"""From a component to one file of Verilog."""

import re
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from amaranth.hdl import Value
from amaranth.lib import wiring

from accel.errors import ToolError
from accel.flow.rtlil import convert
from accel.flow.tools import find_tool
from accel.processes.children import run

LARGE_MEMORY = 128
"""Words of a memory from which on it has no contents but zeros; smaller ones may."""

_SOURCE, _RESULT = "core.il", "core.v"
# What is left are attributes for synthesis, as ``keep``.
_REMOVED = " ".join(
    f"-remove {name}"
    for name in ("generator", "src", "top", "amaranth.hierarchy", "amaranth.decoding")
)
# Registers keep their multiplexers, so that what comes out reads like what went in.
_SCRIPT = (
    f"read_rtlil {_SOURCE}; proc; opt_clean; "
    "opt -full -nosdff -nodffe; memory_collect; opt_clean; "
    f"{'; '.join(f'attrmap {of} {_REMOVED}' for of in ('', '-modattr'))}; write_verilog {_RESULT}"
)
_MODULE = re.compile(r"^(?P<what>module|  cell) \\(?P<name>[^\s$]\S*)", re.MULTILINE)
_MEMORY = re.compile(r"^  reg (?:\[(?P<high>\d+):0\] )?(?P<name>\S+) +\[(?P<last>\d+):0\];$")


class NotExported(ToolError):
    """Yosys made no Verilog of a core."""


def port_name(path: Iterable[str | int]) -> str:
    """What a member of a component, by the names on the way to it, is called in Verilog."""
    return "_".join(map(str, path))


def verilog(component: wiring.Component, name: str) -> str:
    """A component as Verilog, with the modules within it named after ``name`` and their place.

    Its clock is ``clk`` and its synchronous, active-high reset ``rst``. Raises ``NotExported`` and
    ``ToolNotFound``.
    """
    members = component.signature.flatten(component)
    ports = {port_name(path): (Value.cast(value), None) for path, _, value in members}
    text = convert(component, least_words=LARGE_MEMORY, name=name, ports=ports)
    yosys = find_tool("yosys")
    with tempfile.TemporaryDirectory(prefix="accel-") as place:
        folder = Path(place)
        (folder / _SOURCE).write_text(_plain_names(text, name))
        answer = run([yosys.executable, "-q", "-p", _SCRIPT], folder=folder, temporary=folder)
        made = folder / _RESULT
        if answer.returncode or not made.is_file():
            said = "\n".join((answer.stdout + answer.stderr).splitlines()[-15:])
            raise NotExported(f"{yosys.name} failed on the core's RTL:\n{said}")
        return _with_zeros(made.read_text())


def _plain_names(text: str, top: str) -> str:
    """RTLIL whose modules have names that Verilog need not escape: ``_`` for dots."""
    given: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        name = match["name"]
        if name != top and not name.startswith(f"{top}."):
            return match[0]  # a vendor's cell
        if name not in given:
            base = re.sub(r"\W", "_", re.sub(r"\$\d+", "", name))
            taken = set(given.values())
            other = (f"{base}_{number}" for number in count(2))
            given[name] = base if base not in taken else next(n for n in other if n not in taken)
        return f"{match['what']} \\{given[name]}"

    return _MODULE.sub(plain, text)


def _with_zeros(text: str) -> str:
    """Verilog in which the large memories begin as zeros, as they do in an FPGA.

    A loop says so: Yosys would write a line for each word.
    """
    lines = []
    for line in text.splitlines():
        lines.append(line)
        memory = _MEMORY.match(line)
        if memory and int(memory["last"]) + 1 >= LARGE_MEMORY:
            name, last = memory["name"], memory["last"]
            lines += [
                "  integer zeroed;",
                f"  initial for (zeroed = 0; zeroed <= {last}; zeroed = zeroed + 1)",
                f"    {name}[zeroed] = 0;",
            ]
    return "\n".join(lines) + "\n"
