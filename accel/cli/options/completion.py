"""What a shell offers where a name is typed: boards, formats, elements, executors and the like."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Completion = list[tuple[str, str]]
"""Names and, for the shells that show it, what each of them is."""


def boards(incomplete: str) -> Completion:
    """Boards that we know."""
    from accel.boards import BOARDS

    return _begun(((name, board.title) for name, board in BOARDS.items()), incomplete)


def boards_or_all(incomplete: str) -> Completion:
    """Boards that we know, and the word for all of them."""
    return boards(incomplete) + _begun([("all", "every board")], incomplete)


def formats(incomplete: str) -> Completion:
    """Number formats, built in and of installed packages."""
    from accel.numeric.formats import FORMATS

    return _begun(_titled(FORMATS), incomplete)


def elements(incomplete: str) -> Completion:
    """Processing elements, built in and of installed packages."""
    from accel.core.pe import ELEMENTS

    return _begun(_titled(ELEMENTS), incomplete)


def datapaths(incomplete: str) -> Completion:
    """Number formats and processing elements."""
    return formats(incomplete) + elements(incomplete)


def executors(incomplete: str) -> Completion:
    """What can run a program."""
    from accel.executors import EXECUTORS

    return _begun(((name, "") for name in EXECUTORS), incomplete)


def scenarios(incomplete: str) -> Completion:
    """What happens to a netlist."""
    from accel.sim.gates.scenarios import SCENARIOS

    return _begun(((name, "") for name in SCENARIOS), incomplete)


def contracts(incomplete: str) -> Completion:
    """Roundings that answers can be held to."""
    from accel.numeric.rounding import CONTRACTS

    return _begun(((name, contract.oracle) for name, contract in CONTRACTS.items()), incomplete)


def configuration(incomplete: str) -> Completion:
    """Values of the configuration, up to the ``=``."""
    from dataclasses import fields

    from accel.config import AcceleratorConfig

    return _begun(((f"{field.name}=", "") for field in fields(AcceleratorConfig)), incomplete)


def one_of(*names: str) -> Callable[[str], Completion]:
    """A completion of fixed names."""

    def complete(incomplete: str) -> Completion:
        return _begun(((name, "") for name in names), incomplete)

    return complete


def several(complete: Callable[[str], Completion]) -> Callable[[str], Completion]:
    """A completion of ``NAME,NAME,...`` from that of one name: the last one is completed."""

    def complete_last(incomplete: str) -> Completion:
        done, comma, last = incomplete.rpartition(",")
        return [(f"{done}{comma}{name}", what) for name, what in complete(last)]

    return complete_last


def _begun(known: Iterable[tuple[str, str]], incomplete: str) -> Completion:
    return [(name, what) for name, what in known if name.startswith(incomplete)]


def _titled(extensions: Mapping[str, Any]) -> Completion:
    """Names with titles. What an installed package holds may be broken; it is offered all the same,
    and the command then says what is wrong with it."""
    from accel.discovery import BrokenExtension

    found = []
    for name in extensions:
        try:
            found.append((name, extensions[name].title))
        except BrokenExtension:
            found.append((name, ""))
    return found
