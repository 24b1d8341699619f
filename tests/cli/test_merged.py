"""Groups of options are declared once and reach a command as one object."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from accel.cli.options import groups
from accel.cli.options.merged import merged

from .test_options import commands


@dataclass(frozen=True, kw_only=True)
class Sizes:
    rows: Annotated[int, typer.Option("--rows")]
    cols: Annotated[int | None, typer.Option("--cols")] = None


def test_a_group_becomes_options_and_an_object():
    seen = []

    def command(name: Annotated[str, typer.Argument()], sizes: Sizes, loud: bool = False) -> None:
        seen.append((name, sizes, loud))

    app = typer.Typer()
    app.command()(merged(command))
    run = CliRunner().invoke
    assert run(app, ["a", "--rows", "3"]).exit_code == 0
    assert run(app, ["b", "--rows", "3", "--cols", "4", "--loud"]).exit_code == 0
    assert seen == [("a", Sizes(rows=3), False), ("b", Sizes(rows=3, cols=4), True)]
    assert run(app, ["c"]).exit_code == 2  # a field without a default is required
    assert run(app, ["c", "--rows", "x"]).exit_code == 2


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (groups.CoreOptions, {"--rows", "--cols", "--format", "--pe", "--set"}),
        (groups.TargetOptions, {"--board", "--rows", "--cols", "--format", "--pe", "--set"}),
        (groups.NetworkOptions, {"--contract", "--fuse", "--exact"}),
    ],
)
def test_what_a_group_declares_is_the_same_option_in_every_command(group, names):
    """Help, kind and default; ``explore``, ``program`` and others have options of other meaning."""
    several = {
        ("explore",),
        ("datapath", "check"),
        ("build",),
        ("export", "verilog"),
        ("program",),
        ("verify-netlist",),
        ("quantize",),
    }
    found: dict[str, set] = {name: set() for name in names}
    for words, command in commands().items():
        for param in command.params:
            for name in names & set(param.opts):
                if words not in several and not (name == "--board" and param.multiple):
                    found[name].add((param.help, param.default, param.metavar, param.is_flag))
    assert {name: len(kinds) for name, kinds in found.items()} == dict.fromkeys(names, 1)
