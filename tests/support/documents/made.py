"""The parts of our documents that are made and not written, and what makes each.

In a document such a part stands between ``<!-- NAME: made by tests/test_documents.py -->`` and
``<!-- end -->``. A fact that a document shows is so never typed a second time.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from accel.cli import app

from . import bench, boards, commands, datapath, link, operators, pipeline

ROOT = Path(__file__).resolve().parents[3]
_PART = re.compile(r"(<!-- (\w+): made by [^>]*-->)\n.*?(<!-- end -->)", re.DOTALL)

PARTS: dict[str, Callable[[], str]] = {
    "operators": operators.table,
    "boards": boards.table,
    "programmers": boards.programmers,
    "builds": boards.builds,
    "wiring": boards.by_hand,
    "estimates": boards.estimates,
    "formats": datapath.formats,
    "elements": datapath.elements,
    "results": bench.five,
    "bench": bench.results,
    "beside": bench.beside,
    "speeds": bench.speeds,
    "stages": pipeline.stages,
    "timeline": pipeline.timeline,
    "commands": commands.table,
    "headers": link.headers,
    "opcodes": link.opcodes,
    "statuses": link.statuses,
    "states": link.states,
    "registers": link.registers,
}


def named(text: str) -> list[str]:
    """The parts that a document has."""
    return [found[2] for found in _PART.finditer(text)]


def written(text: str) -> str:
    """A document without its parts."""
    return _PART.sub("", text)


def with_parts(text: str) -> str:
    """A document with all its parts made anew."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


def with_output(text: str) -> str:
    """A document with the output of each ``console`` block as the command prints it now."""

    def block(match: re.Match) -> str:
        command = shlex.split(match[1])
        assert command[0] == "accel"
        result = CliRunner().invoke(app, command[1:], prog_name="accel")
        assert result.exit_code == 0, result.output
        printed = "\n".join(line.rstrip() for line in result.stdout.rstrip().splitlines())
        return f"```console\n$ {match[1]}\n{printed}\n```"

    return re.sub(r"```console\n\$ ([^\n]+)\n.*?```", block, text, flags=re.DOTALL)
