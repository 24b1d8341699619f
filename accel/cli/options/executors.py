"""What runs a program, and what that needs: options of the commands that run one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli._boards_found import port_of
from accel.cli.options import completion
from accel.cli.options.values import LEAST_BAUD, MOST_BAUD, BadOption

if TYPE_CHECKING:
    from accel.api import Executable

_PARALLEL = ("machine", "rtl")


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """What runs a program."""

    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            "-e",
            help="reference (NumPy), machine (fast), rtl (compiled), pysim (with waves) or board "
            "(a real one, with the bitstream of accel build).",
            metavar="NAME",
            autocompletion=completion.executors,
        ),
    ] = "machine"
    port: Annotated[
        str | None,
        typer.Option(
            "--port",
            help="Serial port of the executor board, an URL of pyserial's, or sim for a simulated "
            "board.",
            metavar="PORT",
            show_default="found on USB",
        ),
    ] = None
    baud: Annotated[
        int | None,
        typer.Option(
            "--baud",
            help="Its rate, if it is not that of the board's file.",
            metavar="N",
            min=LEAST_BAUD,
            max=MOST_BAUD,
        ),
    ] = None

    def check(self) -> None:
        """Raise ``BadOption`` for options of another executor, ``ToolError`` for a missing tool."""
        from accel.flow.tools import check_named_tools
        from accel.ports import SIMULATED

        if self.executor == "rtl" or self.port == SIMULATED:
            check_named_tools()
        if self.executor != "board" and (self.port or self.baud):
            raise BadOption(f"--port and --baud are for --executor board, not {self.executor}")

    def arguments(self, program: "Executable") -> dict[str, Any]:
        """Those of `Executable.run` and `Executable.stream`; the port of the program's board is
        looked for where none is given."""
        port = self.port
        if self.executor == "board" and port is None:
            port = port_of(program.link_board, None, self.baud)
        return {"port": port, "baud": self.baud}


@dataclass(frozen=True, kw_only=True)
class BatchOptions(ExecutorOptions):
    """What runs a batch."""

    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Parts of the batch that machine and rtl run at a time; all cores if not given.",
            metavar="N",
            min=1,
        ),
    ] = None
    waves: Annotated[
        Path | None,
        typer.Option(
            "--waves",
            help="Waves of the executor pysim.",
            metavar="FILE.vcd",
            callback=_places.output_file,
        ),
    ] = None

    def check(self) -> None:
        super().check()
        if self.waves and self.executor != "pysim":
            raise BadOption(f"--waves is for --executor pysim, not {self.executor}")
        if self.jobs and self.executor not in _PARALLEL:
            raise BadOption(f"--jobs is for --executor machine and rtl, not {self.executor}")

    def arguments(self, program: "Executable") -> dict[str, Any]:
        return {**super().arguments(program), "jobs": self.jobs}
