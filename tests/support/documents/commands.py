"""The table of our commands, with what each says of itself."""

import typer

from accel.cli import app

from .markdown import table as markdown


def table() -> str:
    group = typer.main.get_command(app)
    rows = []
    for name, command in group.commands.items():
        first = (command.help or "").strip().split("\n\n")[0]
        rows.append([f"`accel {name}`", " ".join(first.split())])
    return markdown(["command", "what it does"], rows)
