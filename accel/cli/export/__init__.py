"""``accel export``: a core for other designs, a driver for other programs; one file a command."""

import typer

from accel.cli.export.c import c
from accel.cli.export.micropython import micropython
from accel.cli.export.verilog import verilog
from accel.cli.options.merged import merged
from accel.cli.options.rules import CliCommand

app = typer.Typer(
    name="export",
    no_args_is_help=True,
    help="Export a core or a driver for designs and programs of your own.",
)
for _command in (verilog, c, micropython):
    app.command(cls=CliCommand)(merged(_command))
