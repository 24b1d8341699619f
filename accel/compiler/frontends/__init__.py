"""Readers of model files, one file for each format; the content decides which one reads."""

import sys
from collections.abc import Mapping
from pathlib import Path

from ...discovery import discover
from ..ir import Graph
from ..reasons import Reason
from ._frontend import Frontend, UnsupportedModel

__all__ = ["FRONTENDS", "Frontend", "UnsupportedModel", "load"]

FRONTENDS: Mapping[str, Frontend] = discover(sys.modules[__name__], "FRONTEND")

MAX_BYTES = 2**28
HEADER_BYTES = 64


def load(path: str | Path) -> Graph:
    """Read a model file into a verified graph.

    Raises ``UnsupportedModel``, which gives everything that is wrong with the file at once.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise UnsupportedModel(str(path), [Reason(place="", what=what)]) from error
    if len(data) > MAX_BYTES:
        reason = Reason(place="", what=f"is larger than {MAX_BYTES // 2**20} MiB")
        raise UnsupportedModel(path.name, [reason])
    for frontend in FRONTENDS.values():
        if frontend.recognizes(data[:HEADER_BYTES]):
            return frontend.read(data, path.name)
    known = ", ".join(f"{f.name} ({' '.join(f.suffixes)})" for f in FRONTENDS.values())
    reason = Reason(place="", what="is not a model file", remedy=f"known formats are {known}")
    raise UnsupportedModel(path.name, [reason])
