"""Options that several commands take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.errors import UserError

if TYPE_CHECKING:
    from accel.boards import Board

_PLATFORM = "Board given as module:Class"

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A quantized .tflite or .onnx file.",
        show_default=False,
        callback=_places.input_files,
    ),
]
Contract = Annotated[
    str | None,
    typer.Option(
        "--contract",
        help="Rounding to hold answers to: tflm or single for .tflite, onnx for .onnx.",
        metavar="NAME",
        show_default="the first of the format",
    ),
]
Fuse = Annotated[
    bool,
    typer.Option(
        "--fuse/--no-fuse",
        help="Compute additions and functions of single values in the layer before.",
    ),
]
BOARD_HELP = "As `accel boards` lists them, or a platform of Amaranth as module:Class."
BoardName = Annotated[str | None, typer.Option("--board", "-b", help=BOARD_HELP, metavar="BOARD")]
BoardNames = Annotated[
    list[str] | None,
    typer.Option("--board", "-b", help=f"{BOARD_HELP} Or all; may be repeated.", metavar="BOARD"),
]
ALL = "all"  # boards
Clock = Annotated[
    str | None,
    typer.Option("--clock", help="Clock resource, if not the default.", rich_help_panel=_PLATFORM),
]
ClockMhz = Annotated[
    float | None,
    typer.Option("--clock-mhz", help="The core's clock.", rich_help_panel=_PLATFORM),
]
Uart = Annotated[
    str | None,
    typer.Option(
        "--uart",
        help="The FPGA's pins for the link, if the platform has no uart.",
        metavar="RX,TX",
        rich_help_panel=_PLATFORM,
    ),
]
Led = Annotated[
    str | None,
    typer.Option(
        "--led",
        help="A light, if it is not led 0: NAME, NAME/NUMBER or NAME/NUMBER/MEMBER.",
        metavar="NAME",
        rich_help_panel=_PLATFORM,
    ),
]
Baud = Annotated[
    int | None,
    typer.Option(
        "--baud", help="Rate of the link.", metavar="N", min=300, rich_help_panel=_PLATFORM
    ),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact/--closest",
        help="Refuse an ONNX network with a channel that cannot be requantized exactly, or compute its "
        "closest codes and name it.",
    ),
]
Rows = Annotated[
    int | None,
    typer.Option("--rows", help="Output positions at a time.", rich_help_panel="Core"),
]
Columns = Annotated[
    int | None,
    typer.Option("--cols", help="Output channels at a time.", rich_help_panel="Core"),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Number format, as `accel datapath list` has them.",
        metavar="NAME",
        rich_help_panel="Core",
    ),
]
Pe = Annotated[
    str | None,
    typer.Option(
        "--pe",
        help="Processing element, as `accel datapath list` has them.",
        metavar="NAME",
        rich_help_panel="Core",
    ),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Another value of the configuration, such as weight_steps=2560.",
        metavar="NAME=VALUE",
        rich_help_panel="Core",
    ),
]


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        help="Labelled data for accuracy: arrays x and y.",
        metavar="XY.npz",
        callback=_places.input_files,
    ),
]


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
    """Those of the names, each once; ``all`` are all that we know. Raises what ``find_board`` does."""
    from accel import boards

    names = names or [default]
    if ALL in names:
        return list(boards.BOARDS.values())
    return [find_board(name) for name in dict.fromkeys(names)]


def configuration(
    board: "Board", rows: int | None, cols: int | None, form: str | None, pe: str | None, values
):
    """The ``AcceleratorConfig`` that the options ask for. Raises ``UserError``."""
    from accel.core.pe import named
    from accel.target import resources

    options = {"rows": rows, "columns": cols, "format": form, "element": pe}
    changes = parsed(values or [])
    for name in changes:
        if options.get(name) is not None:
            raise BadOption(
                f"--set {name} must not be given beside the option of its own; leave one"
            )
    config = resources.configure(board, **options | changes)
    named(config.element)
    return config


def check_names(models: list[Path]) -> None:
    """Raise ``BadOption`` for two networks of one name, of which only one would be in the answer."""
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
    from dataclasses import fields

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
