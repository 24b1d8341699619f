"""``--json`` of every command: a file, or standard output with nothing else on it."""

import contextlib
import json
import sys
from collections.abc import Iterator
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


def write_json(path: Path | None, answer: Any) -> None:
    """Write what ``--json`` asks for, if it was given. Raises ``CannotWrite``."""
    if path is None:
        return
    text = json.dumps(answer, indent=2) + "\n"
    if path == STANDARD_OUTPUT:
        stream = _JSON_STREAM.get() or sys.stdout
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            raise  # whoever read it has seen enough
        except OSError as problem:
            why = problem.strerror or problem
            raise CannotWrite(f"standard output: cannot be written: {why}") from problem
        return
    write_whole(path, lambda file: file.write(text.encode()))
    say(f"Wrote {path}")
