"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from accel.errors import UserError

Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A quantized .tflite or .onnx file.", show_default=False),
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
Exact = Annotated[
    bool,
    typer.Option(
        "--exact/--closest",
        help="Refuse an ONNX network with a channel that cannot be requantized exactly, or compute its "
        "closest codes and name it.",
    ),
]
BoardName = Annotated[
    str | None, typer.Option("--board", "-b", help="As `accel boards` lists them.", metavar="BOARD")
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
        "--format", help="Number format: int8 or int8_int4.", metavar="NAME", rich_help_panel="Core"
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


class BadOption(UserError):
    """An option's value cannot be understood."""


def configuration(board: str, rows: int | None, cols: int | None, form: str | None, values):
    """The ``AcceleratorConfig`` that the options ask for. Raises ``UserError``."""
    from accel import boards, resources

    changes = {"rows": rows, "columns": cols, "format": form, **_parsed(values or [])}
    return resources.configure(boards.get(board), **changes)


def _parsed(values: list[str]) -> dict[str, int | str]:
    from dataclasses import fields

    from accel.config import AcceleratorConfig

    known = {field.name: field.type for field in fields(AcceleratorConfig)}
    parsed: dict[str, int | str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            names = ", ".join(known)
            raise BadOption(f"--set must be NAME=VALUE with a NAME of {names}, not {text!r}")
        try:
            parsed[name] = int(value, 0) if known[name] is int else value
        except ValueError:
            raise BadOption(f"--set {name} must be an integer, not {value!r}") from None
    return parsed
