"""``accel export``: what we make, for the designs of others. Each kind is a file."""

import typer

from accel.cli.export import c, micropython
from accel.cli.options.merged import merged
from accel.cli.options.rules import CliCommand

app = typer.Typer(
    name="export",
    no_args_is_help=True,
    help="Export a program with a driver, for the designs of others.",
)
for _command in (c.c, micropython.micropython):
    app.command(cls=CliCommand)(merged(_command))
