"""The command line, one file for each command; the only part that may import everything."""

import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from accel import __version__
from accel.cli import (
    bench,
    bisect,
    board_sim,
    boards,
    build,
    check,
    compile,
    datapath,
    demo,
    doctor,
    estimate,
    explore,
    export,
    fit,
    live,
    load,
    program,
    quantize,
    run,
    selftest,
    show,
    verify_netlist,
)
from accel.cli._output import error, use_safe_streams
from accel.cli.options.merged import merged
from accel.cli.options.rules import CliCommand
from accel.errors import ToolError, UserError
from accel.flow.cache.store import cache_root
from accel.processes import leftovers, stopping

USER_EXIT, TOOL_EXIT, STOPPED_EXIT = 2, 1, 130


class Commands(TyperGroup):
    """Makes one message and an exit code of every error that a user can cause or meet."""

    def invoke(self, ctx: Any) -> None:
        try:
            super().invoke(ctx)
        except UserError as problem:
            error(str(problem))
            raise typer.Exit(USER_EXIT) from None
        except ToolError as problem:
            error(str(problem))
            raise typer.Exit(TOOL_EXIT) from None
        except (KeyboardInterrupt, stopping.Stopped):
            error(stopping.MESSAGE)
            raise typer.Exit(STOPPED_EXIT) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with [bold]accel demo[/bold], or with [bold]accel check MODEL[/bold].",
)
# In the order in which the help lists them.
_PANELS = {
    "Begin": (demo.demo, check.check, fit.fit),
    "Networks": (quantize.quantize, compile.compile, run.run, live.live, show.show),
    "Hardware": (
        estimate.estimate,
        build.build,
        verify_netlist.verify_netlist,
        explore.explore,
        bench.bench,
    ),
    "Boards": (
        boards.boards,
        program.program,
        load.load,
        selftest.selftest,
        bisect.bisect,
        board_sim.board_sim,
    ),
    "This installation": (doctor.doctor,),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(cls=CliCommand, rich_help_panel=_panel)(merged(_command))
    if _panel == "Hardware":
        app.add_typer(datapath.app, rich_help_panel=_panel)
        app.add_typer(export.app, rich_help_panel=_panel)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"accel {__version__}")
        raise typer.Exit


@app.callback()
def _of_all_commands(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Give a small quantized network hardware of its own: from a .tflite or .onnx file to exact
    answers and an FPGA's bitstream."""


def main() -> None:
    """Run the command line and end the process."""
    use_safe_streams()
    try:
        leftovers.begin(cache_root() / "running")
        app(prog_name="accel")
    except Exception:  # noqa: BLE001 -- what nobody foresaw is shown with whom to tell
        traceback.print_exc()
        error(
            "this is a fault of accel. Please report it with the lines above, the command, and "
            "what `accel doctor` says"
        )
        sys.exit(TOOL_EXIT)
    finally:
        leftovers.end()
