"""``--json`` of every command: a file, or standard output with nothing else on it."""

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from accel.cli._output import CannotWrite, say, write_whole
from accel.cli._places import STANDARD_OUTPUT

_JSON_STREAM: ContextVar[TextIO | None] = ContextVar("json_stream", default=None)


@contextlib.contextmanager
def standard_output_for_json() -> Iterator[None]:
    """Keep standard output for JSON: while the block runs, prints go to standard error."""
    token = _JSON_STREAM.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _JSON_STREAM.reset(token)


@contextlib.contextmanager
def json_lines(path: Path | None) -> Iterator[Callable[[Any], None]]:
    """Give a function that writes a line of JSON: at once to standard output, for which ``-``
    stands; else to a file that is moved into place when the block ends.

    Raises ``CannotWrite``.
    """
    if path is None:
        yield lambda answer: None
        return
    if path == STANDARD_OUTPUT:
        yield lambda answer: _to_standard_output(json.dumps(answer) + "\n")
        return
    with tempfile.TemporaryFile() as lines:

        def write(answer: Any) -> None:
            lines.write(json.dumps(answer).encode() + b"\n")

        yield write
        lines.seek(0)
        write_whole(path, lambda file: shutil.copyfileobj(lines, file))
    say(f"Wrote {path}")


def write_json(path: Path | None, answer: Any) -> None:
    """Write what ``--json`` asks for, if it was given. Raises ``CannotWrite``."""
    if path is None:
        return
    text = json.dumps(answer, indent=2) + "\n"
    if path == STANDARD_OUTPUT:
        _to_standard_output(text)
        return
    write_whole(path, lambda file: file.write(text.encode()))
    say(f"Wrote {path}")


def _to_standard_output(text: str) -> None:
    stream = _JSON_STREAM.get() or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise  # whoever read it has seen enough
    except OSError as problem:
        why = problem.strerror or problem
        raise CannotWrite(f"standard output: cannot be written: {why}") from problem
