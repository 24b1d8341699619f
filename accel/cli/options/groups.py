"""Options that several commands take, each declared once, and the groups in which they come.

A command asks for a group by a parameter of its class; `merged` gives it one object.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli.options import completion, values

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.compiler.frontends import Choices
    from accel.config import AcceleratorConfig

Subject = tuple["Board", "AcceleratorConfig"]
"""A board, and the configuration of the core on it."""

_CORE, _PLATFORM, _FILE = "Core", "Board given as module:Class", "Model file"

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A quantized .tflite or .onnx file.",
        show_default=False,
        callback=_places.input_files,
    ),
]
Runnable = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A quantized .tflite or .onnx file, or a program.bin of accel compile.",
        show_default=False,
        callback=_places.input_files,
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
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="The answer as JSON; with - it goes to standard output, and what people read to "
        "standard error.",
        metavar="FILE",
        callback=_places.json_file,
    ),
]

PortName = Annotated[
    str | None,
    typer.Option(
        "--port",
        "-p",
        help="The board's serial port, an URL of pyserial's, or sim for a simulated board.",
        metavar="PORT",
        show_default="found on USB",
    ),
]

BOARD_HELP = "As `accel boards` lists them, or a platform of Amaranth as module:Class."
BoardName = Annotated[
    str | None,
    typer.Option(
        "--board",
        "-b",
        help=BOARD_HELP,
        metavar="BOARD",
        show_default="icebreaker",
        autocompletion=completion.boards,
    ),
]
BoardOfBuild = Annotated[
    str | None,
    typer.Option(
        "--board",
        "-b",
        help="As `accel boards` lists them, where the folder does not say it.",
        metavar="BOARD",
        show_default="that of the build",
        autocompletion=completion.boards,
    ),
]
BoardOfNetlist = Annotated[
    str | None,
    typer.Option(
        "--board",
        "-b",
        help="Synthesize this board's default core, as `accel boards` lists them; with BUILD where "
        "the folder does not say it.",
        metavar="BOARD",
        show_default="that of the build",
        autocompletion=completion.boards,
    ),
]
BoardNames = Annotated[
    list[str] | None,
    typer.Option(
        "--board",
        "-b",
        help=f"{BOARD_HELP} Or all; may be repeated.",
        metavar="BOARD",
        autocompletion=completion.boards_or_all,
    ),
]


FormatName = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Number format; `accel datapath list` names them.",
        metavar="NAME",
        rich_help_panel=_CORE,
        autocompletion=completion.formats,
    ),
]


@dataclass(frozen=True, kw_only=True)
class SizeOptions:
    """How large a core is: values of the configuration that differ from the board's default."""

    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", help="Rows of the array: output positions at a time.", rich_help_panel=_CORE
        ),
    ] = None
    cols: Annotated[
        int | None,
        typer.Option(
            "--cols", help="Columns of the array: output channels at a time.", rich_help_panel=_CORE
        ),
    ] = None
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Another value of the configuration, such as weight_steps=2560; may be repeated.",
            metavar="NAME=VALUE",
            rich_help_panel=_CORE,
            autocompletion=completion.configuration,
        ),
    ] = None

    def changes(self) -> dict[str, Any]:
        """What was given, by the names of the configuration. Raises ``BadOption``."""
        return values.changes({"rows": self.rows, "columns": self.cols}, self.values or [])


@dataclass(frozen=True, kw_only=True)
class CoreOptions(SizeOptions):
    """Which core: its size, its number format and its processing element."""

    format: FormatName = None
    pe: Annotated[
        str | None,
        typer.Option(
            "--pe",
            help="Processing element; `accel datapath list` names them.",
            metavar="NAME",
            rich_help_panel=_CORE,
            autocompletion=completion.elements,
        ),
    ] = None

    def changes(self) -> dict[str, Any]:
        sizes = {"rows": self.rows, "columns": self.cols}
        kinds = {"format": self.format, "element": self.pe}
        return values.changes(sizes | kinds, self.values or [])

    def on(self, board: "Board") -> "AcceleratorConfig":
        """The configuration of a board's core. Raises ``UserError``."""
        return values.configuration(board, self.changes())


@dataclass(frozen=True, kw_only=True)
class TargetOptions(CoreOptions):
    """A board, and which core on it."""

    board: BoardName = None

    def find(self) -> Subject:
        """The board, or the default one, and its core's configuration. Raises ``UserError``."""
        from accel.api import DEFAULT_BOARD

        board = values.find_board(self.board or DEFAULT_BOARD)
        return board, self.on(board)


@dataclass(frozen=True, kw_only=True)
class TargetsOptions(CoreOptions):
    """Several boards, and which core on each of them."""

    board: BoardNames = None

    def find(self, default: str) -> list[Subject]:
        """Each board once, and its core's configuration; ``default`` is a board or all of them.

        Raises ``UserError``.
        """
        boards = values.find_boards(self.board, default)
        return [(board, self.on(board)) for board in boards]


@dataclass(frozen=True, kw_only=True)
class PlatformOptions:
    """What Amaranth's platform does not say of a board that is given as module:Class."""

    clock: Annotated[
        str | None,
        typer.Option(
            "--clock", help="Clock resource, if not the default.", rich_help_panel=_PLATFORM
        ),
    ] = None
    clock_mhz: Annotated[
        float | None,
        typer.Option("--clock-mhz", help="The core's clock.", rich_help_panel=_PLATFORM),
    ] = None
    uart: Annotated[
        str | None,
        typer.Option(
            "--uart",
            help="The FPGA's pins for the link, if the platform has no uart.",
            metavar="RX,TX",
            rich_help_panel=_PLATFORM,
        ),
    ] = None
    led: Annotated[
        str | None,
        typer.Option(
            "--led",
            help="A light, if it is not led 0: NAME, NAME/NUMBER or NAME/NUMBER/MEMBER.",
            metavar="NAME",
            rich_help_panel=_PLATFORM,
        ),
    ] = None
    baud: Annotated[
        int | None,
        typer.Option(
            "--baud",
            help="Rate of the link.",
            metavar="N",
            min=values.LEAST_BAUD,
            max=values.MOST_BAUD,
            rich_help_panel=_PLATFORM,
        ),
    ] = None

    def find_board(self, name: str) -> "Board":
        """The board of that name with a link to its core. Raises ``UserError``."""
        return values.find_board(name, linked=True, **asdict(self))


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What a model's file does not say; as a mapping, arguments of `accel.compile`."""

    signature: Annotated[
        str | None,
        typer.Option(
            "--signature",
            help="Which network to take of a .tflite file with several signatures.",
            metavar="NAME",
            rich_help_panel=_FILE,
        ),
    ] = None
    input_quant: Annotated[
        list[str] | None,
        typer.Option(
            "--input-quant",
            help="The quantization of a float input that has none in an .onnx file; BITS are 8 if "
            "not given, u8 for codes without a sign. May be repeated.",
            metavar="[NAME=]SCALE[,ZERO_POINT[,BITS]]",
            rich_help_panel=_FILE,
        ),
    ] = None

    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="An output that goes in again in the next inference, and the input by which: a "
            "state, 0 at first, that stays in the core's memory. May be repeated.",
            metavar="OUT=IN",
            rich_help_panel=_FILE,
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        return asdict(self)

    def choices(self) -> "Choices":
        """The same as the front ends take it."""
        from accel.compiler.frontends import Choices

        return Choices(
            signature=self.signature,
            input_quant=tuple(self.input_quant or ()),
            state=tuple(self.state or ()),
        )


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(ReadingOptions):
    """How a network is compiled; as a mapping, arguments of `accel.compile`."""

    contract: Annotated[
        str | None,
        typer.Option(
            "--contract",
            help="Rounding to hold answers to: tflm or single for .tflite, onnx for .onnx.",
            metavar="NAME",
            show_default="the first of the format",
            autocompletion=completion.contracts,
        ),
    ] = None
    fuse: Annotated[
        bool,
        typer.Option(
            "--fuse/--no-fuse",
            help="Compute additions and element-wise functions within the layer before them.",
        ),
    ] = True
    exact: Annotated[
        bool,
        typer.Option(
            "--exact/--closest",
            help="Refuse an ONNX network with a channel that cannot be requantized exactly, or "
            "compute its closest codes and name it.",
        ),
    ] = False
    host: Annotated[
        bool,
        typer.Option(
            "--host/--no-host",
            help="Let the driver compute inside the network what the core cannot, or refuse it.",
        ),
    ] = True

    def choices(self) -> "Choices":
        """What is said of a file, with whether the driver may compute inside the network."""
        return replace(super().choices(), host=self.host)
