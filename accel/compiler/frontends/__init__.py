"""Readers of model files, one room for each format; a file's first bytes tell its format."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...discovery import discover
from ..diagnostics import Reason
from ..graph.bound_states import bound, of_codes
from ..graph.verify import problems
from ..ir.graph import Graph
from ._contents import Contents, as_text, contents, file_of
from ._frontend import MAX_BYTES, NOTHING_CHOSEN, Choices, Frontend, UnsupportedModel
from ._unsupported import near

__all__ = [
    "FRONTENDS",
    "MAX_BYTES",
    "NOTHING_CHOSEN",
    "Choices",
    "Contents",
    "Frontend",
    "UnsupportedModel",
    "as_text",
    "bytes_of",
    "frontend_of",
    "held_to",
    "load",
    "near",
    "read",
    "with_states",
]

FRONTENDS: Mapping[str, Frontend] = discover(sys.modules[__name__], "FRONTEND")
_RECOGNIZES: Mapping[str, Callable[[bytes], bool]] = discover(sys.modules[__name__], "recognizes")

HEADER_BYTES = 64
QONNX = "qonnx"  # the contract of low-bit networks, which have no other


def frontend_of(data: bytes) -> Frontend | None:
    """The front end that reads these bytes of a file, if there is one."""
    header = data[:HEADER_BYTES]
    return next((FRONTENDS[name] for name, is_one in _RECOGNIZES.items() if is_one(header)), None)


def is_model(header: bytes) -> bool:
    """Whether a file with these first bytes is a model of a known format."""
    return frontend_of(header) is not None


def bytes_of(path: str | Path) -> Contents:
    """The bytes of the model that a file holds: its own, a C array's or an archive's member's,
    with what the model keeps in other files of its folder put in.

    All of the network is in them: what is made of it can be told apart by them, and they can be
    read elsewhere. Raises ``UnsupportedModel``.
    """
    found = contents(path, is_model)
    frontend = frontend_of(found.data)
    if frontend is None:
        return found
    whole = frontend.whole(found.data, file_of(path).parent, found.name)
    return replace(found, data=whole)


def load(path: str | Path, contract: str | None = None, choices: Choices = NOTHING_CHOSEN) -> Graph:
    """Read a model file into a verified graph, under a rounding contract of its format.

    Raises ``UnsupportedModel`` with everything that is wrong with the file.
    """
    return read(bytes_of(path), contract, choices)


def read(found: Contents, contract: str | None = None, choices: Choices = NOTHING_CHOSEN) -> Graph:
    """The same of a model's bytes."""
    name = found.name
    frontend = frontend_of(found.data)
    if frontend is None:
        known = ", ".join(f"{f.name} ({' '.join(f.suffixes)})" for f in FRONTENDS.values())
        reason = Reason(place="", what="is not a model file", remedy=f"known formats are {known}")
        raise UnsupportedModel(name, [reason])
    if contract not in (None, QONNX, *frontend.contracts):
        what = f"cannot be held to the contract {contract!r}, which no {frontend.name} runtime has"
        remedy = f"use {' or '.join(frontend.contracts)}"
        raise UnsupportedModel(name, [Reason(place="", what=what, remedy=remedy)])
    choices = replace(choices, contract=contract if contract in frontend.contracts else None)
    graph = with_states(frontend.read(found.data, name, choices), choices.state, name)
    held = held_to(graph, contract, name)
    return held.replace(file=name, name=found.stem, host=choices.host)


def with_states(graph: Graph, pairs: Sequence[str], name: str) -> Graph:
    """The graph with pairs of its ends as states, verified again. Raises ``UnsupportedModel``."""
    graph, reasons = bound(graph, pairs)
    if not reasons and graph.states:
        graph = of_codes(graph)
        reasons = [error.args[0] for error in problems(graph)]
    if reasons:
        raise UnsupportedModel(name, reasons)
    return graph


def held_to(graph: Graph, contract: str | None, name: str) -> Graph:
    """The graph under another contract, verified again. Raises ``UnsupportedModel``."""
    if contract is None or contract == graph.contract:
        return graph
    if QONNX in (contract, graph.contract):
        what = f"cannot be held to the contract {contract!r}"
        why = f"the operators that it has mean what {graph.contract!r} says"
        raise UnsupportedModel(name, [Reason(place="", what=what, why=why)])
    if graph.folded:
        what = f"cannot be held to the contract {contract!r} any more"
        why = f"constants were computed as {graph.contract!r} says: {graph.folded[0]!r}"
        remedy = f"compile the file, not its graph: accel.compile(MODEL, contract={contract!r})"
        raise UnsupportedModel(name, [Reason(place="", what=what, why=why, remedy=remedy)])
    graph = graph.replace(contract=contract)
    reasons = [error.args[0] for error in problems(graph)]
    if reasons:
        raise UnsupportedModel(name, reasons)
    return graph
