"""How commands talk: tables, progress and errors, in any terminal or none."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment

from accel.cli.tables.listing import Listing
from accel.errors import UserError
from accel.flow import output
from accel.text import escaped, escaped_lines

PLAIN_WIDTH = 110  # columns where the output is no terminal


class CannotWrite(UserError):
    """An output file cannot be written."""


def use_safe_streams() -> None:
    """Replace what the streams' encoding cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class _Screen(Console):
    """A console that shows nothing of a text but what can be read."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(escaped_lines(text), style)


def console(stderr: bool = False, width: int | None = None) -> Console:
    """A console for the streams as they are now, ``width`` columns wide where that is given."""
    stream = sys.stderr if stderr else sys.stdout
    if width is None and not stream.isatty() and "COLUMNS" not in os.environ:
        width = PLAIN_WIDTH
    # Names come from files and may look like markup.
    return _Screen(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line of plain text to standard output."""
    console().print(escaped_lines(text), style=style, soft_wrap=True)


def note(text: str) -> None:
    """Print a line beside the output proper, to standard error."""
    console(stderr=True).print(escaped_lines(text), style="dim", soft_wrap=True)


def error(text: str) -> None:
    """Print an error; all errors look like this."""
    screen = console(stderr=True)
    screen.print("error:", style="bold red", end=" ")
    screen.print(escaped_lines(text), soft_wrap=True)


def show(renderable: RenderableType) -> None:
    """Print a table or a grid; where a name would be broken over lines it becomes wider."""
    screen = console()
    if isinstance(renderable, Listing):
        screen = console(width=renderable.fit(screen))
    screen.print(renderable)


def show_exactness(report: Any) -> None:
    """Say which contract answers are held to, and each channel that is not exact."""
    from accel.numeric.rounding import CONTRACTS

    number = report.program.config.number_format
    if not number.exact:
        say(f"  products are those of {number.title}, not exact ones: no contract holds")
        return
    contract = CONTRACTS[report.program.contract]
    proved = f"all but {len(report.inexact)} channels" if report.inexact else "every channel"
    say(f"  contract {contract.name} ({contract.oracle}): {proved} proved exact")
    for deviation in report.inexact:
        say(f"  {deviation}", style="yellow")
    for layer in report.program.code.order_sensitive:
        say(f"  {layer}", style="yellow")
    for place in report.program.code.added_by_driver:
        say(f"  {place}: the driver computes it, in float32 and in the oracle's order")


@contextlib.contextmanager
def progress(text: str, total: float, *, remaining: bool = False) -> Iterator[Callable[..., None]]:
    """Show progress on standard error while the block runs.

    Gives a function ``advance(done, text=None)``; ``remaining`` shows the time that is left. Where
    there is no terminal, a line is printed for each new text.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        told = {text}
        note(f"{text} ...")

        def tell(done: float, text: str | None = None) -> None:
            if text and text not in told:
                told.add(text)
                note(f"{text} ...")

        yield tell
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    time = TimeRemainingColumn() if remaining else TimeElapsedColumn()
    with Progress(*columns, time, console=screen, transient=True) as bar:
        task = bar.add_task(escaped(text), total=total)

        def advance(done: float, text: str | None = None) -> None:
            bar.update(task, completed=done, description=escaped(text) if text else None)

        yield advance


@contextlib.contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Give a function that shows a line below all others while the block runs, on a terminal."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda text: None
        return
    with screen.status("") as line:
        yield lambda text: line.update(escaped(text))


def write_whole(path: Path, write: Callable[[Any], Any]) -> None:
    """Have ``write(binary file)`` make a file under another name and move it into place.

    Raises ``CannotWrite``, and then leaves what was there before.
    """
    try:
        output.write_whole(path, write)
    except OSError as problem:
        raise CannotWrite(
            f"{path}: cannot be written: {problem.strerror or problem}; choose another place"
        ) from problem
