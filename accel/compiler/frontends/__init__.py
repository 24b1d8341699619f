"""Readers of model files, one room for each format; a file's first bytes tell its format."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ...discovery import discover
from ..diagnostics import Reason
from ..graph.verify import problems
from ..ir.graph import Graph
from ._frontend import Frontend, UnsupportedModel

__all__ = ["FRONTENDS", "Frontend", "UnsupportedModel", "frontend_of", "held_to", "load"]

FRONTENDS: Mapping[str, Frontend] = discover(sys.modules[__name__], "FRONTEND")

MAX_BYTES = 2**28
HEADER_BYTES = 64
QONNX = "qonnx"  # the contract of low-bit networks, which have no other


def frontend_of(data: bytes) -> Frontend | None:
    """The front end that reads these bytes of a file, if there is one."""
    header = data[:HEADER_BYTES]
    return next((f for f in FRONTENDS.values() if f.recognizes(header)), None)


def load(path: str | Path, contract: str | None = None) -> Graph:
    """Read a model file into a verified graph, under a rounding contract of its format.

    Raises ``UnsupportedModel`` with everything that is wrong with the file.
    """
    path = Path(path)
    name = as_text(path.name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise UnsupportedModel(as_text(str(path)), [Reason(place="", what=what)]) from error
    if len(data) > MAX_BYTES:
        reason = Reason(place="", what=f"is larger than {MAX_BYTES // 2**20} MiB")
        raise UnsupportedModel(name, [reason])
    frontend = frontend_of(data)
    if frontend is None:
        known = ", ".join(f"{f.name} ({' '.join(f.suffixes)})" for f in FRONTENDS.values())
        reason = Reason(place="", what="is not a model file", remedy=f"known formats are {known}")
        raise UnsupportedModel(name, [reason])
    if contract not in (None, QONNX, *frontend.contracts):
        what = f"cannot be held to the contract {contract!r}, which no {frontend.name} runtime has"
        remedy = f"use {' or '.join(frontend.contracts)}"
        raise UnsupportedModel(name, [Reason(place="", what=what, remedy=remedy)])
    return held_to(frontend.read(data, name), contract, name).replace(file=name)


def as_text(name: str) -> str:
    """A file's name as text that can be printed: bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def held_to(graph: Graph, contract: str | None, name: str) -> Graph:
    """The graph under another contract, verified again. Raises ``UnsupportedModel``."""
    if contract is None or contract == graph.contract:
        return graph
    if QONNX in (contract, graph.contract):
        what = f"cannot be held to the contract {contract!r}"
        why = f"the operators that it has mean what {graph.contract!r} says"
        raise UnsupportedModel(name, [Reason(place="", what=what, why=why)])
    graph = graph.replace(contract=contract)
    reasons = [error.args[0] for error in problems(graph)]
    if reasons:
        raise UnsupportedModel(name, reasons)
    return graph
