"""What the values of options stand for: boards, and values of a core's configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel.errors import UserError

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.config import AcceleratorConfig

ALL = "all"  # boards
LEAST_BAUD, MOST_BAUD = 300, 100_000_000  # of a serial line, and faster than any chip on one
_OWN = {"rows": "--rows", "columns": "--cols", "format": "--format", "element": "--pe"}


class BadOption(UserError):
    """An option's value cannot be understood."""


def find_board(name: str, *, linked: bool = False, **options: Any) -> "Board":
    """The board of that name, or of that platform with what the options say of it.

    Raises ``UnknownBoard``, ``UnusablePlatform``, and ``BadOption`` for options of a platform where
    there is none.
    """
    from accel import boards

    if boards.names_platform(name):
        return boards.from_platform(name, boards.PlatformOptions(**options), linked=linked)
    board = boards.get(name)
    given = [f"--{option.replace('_', '-')}" for option, value in options.items() if value]
    if given:
        raise BadOption(
            f"{', '.join(given)}: is for a board given as module:Class; {name}'s are in its file"
        )
    return board


def find_boards(names: list[str] | None, default: str) -> list["Board"]:
    """The boards of the names, each once; ``all`` means all. Raises what ``find_board`` does."""
    from accel import boards

    names = names or [default]
    if ALL in names:
        return list(boards.BOARDS.values())
    return [find_board(name) for name in dict.fromkeys(names)]


def changes(options: Mapping[str, Any], values: list[str]) -> dict[str, Any]:
    """What differs from a board's default: options of their own, and ``NAME=VALUE`` of ``--set``.

    Raises ``BadOption`` for a value that is given as both.
    """
    given = {name: value for name, value in options.items() if value is not None}
    others = parsed(values)
    for name in others:
        if name in given:
            raise BadOption(
                f"--set {name} must not be given beside the option of its own; leave one"
            )
    return given | others


def configuration(board: "Board | None", changes: Mapping[str, Any]) -> "AcceleratorConfig":
    """The configuration of a board's core, or of the default one, with these changes.

    Raises ``UserError``.
    """
    from accel.core.pe import named
    from accel.target import resources

    config = resources.configure(board, **changes)
    named(config.element)
    return config


def named_options(changes: Iterable[str]) -> list[str]:
    """Values of the configuration as the options that give them."""
    return [_OWN.get(name, f"--set {name}") for name in changes]


def one_of(option: str, value: str, known: Iterable[str]) -> None:
    """Raise ``BadOption`` for a value that is none of those that there are."""
    known = list(known)
    if value not in known:
        raise BadOption(f"{option} must be one of {', '.join(known)}, not {value!r}")


def check_names(models: list[Path]) -> None:
    """Raise ``BadOption`` for two networks of one name: only one would be in the answer."""
    known: dict[str, Path] = {}
    for path in models:
        if path.stem in known:
            raise BadOption(
                f"Networks must have different names, not {path.stem!r} for {known[path.stem]} and "
                f"{path}; rename one"
            )
        known[path.stem] = path


def parsed(values: list[str]) -> dict[str, int | str]:
    """Values of the configuration from ``NAME=VALUE``. Raises ``BadOption``."""
    from accel.config import AcceleratorConfig

    known = {field.name: field.type for field in fields(AcceleratorConfig)}
    parsed: dict[str, int | str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            names = ", ".join(known)
            raise BadOption(f"--set must be NAME=VALUE with a NAME of {names}, not {text!r}")
        if name in parsed:
            raise BadOption(f"--set {name} must be given once, not {parsed[name]!r} and {value!r}")
        try:
            parsed[name] = int(value, 0) if known[name] is int else value
        except ValueError:
            raise BadOption(f"--set {name} must be an integer, not {value!r}") from None
    return parsed
