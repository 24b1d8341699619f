"""A build's folder, read again: which board it is for, and whether its bitstream is whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel import boards
from accel.boards import Board
from accel.errors import UserError
from accel.flow.output import REPORT
from accel.flow.products import bitstreams

NAME = "top"  # of the bitstream, without its suffix
_MAX_REPORT = 1 << 24
_CHECKS: Mapping[str, Callable[[bytes], None]] = {
    ".bin": bitstreams.check_bin,
    ".bit": bitstreams.check_bit,
}


class NotBuilt(UserError):
    """A folder has no bitstream that may be loaded into the board."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A board, its bitstream if there is one, and what ``report.json`` says if there is one."""

    board: Board
    bitstream: Path | None
    report: Mapping[str, Any]


def read_built(folder: Path, board: Board | None = None) -> Built:
    """What `build` has left in a folder; ``board`` is needed where that does not say which.

    Raises ``NotBuilt`` for another board's bitstream, one that does not meet its timing, and one
    that is damaged or cut off.
    """
    if not folder.is_dir():
        if folder.exists():
            raise NotBuilt(f"{folder}: is a file; give the folder that it is in: {folder.parent}")
        raise NotBuilt(
            f"{folder}: does not exist; build one with: accel build --board BOARD -o {folder}"
        )
    report = _report(folder / REPORT)
    found = _board(folder, report, board)
    if report and not report.get("timing_met", True):
        raise NotBuilt(
            f"{folder}: its bitstream does not meet its timing and must not be used; build it "
            "again with more --seeds"
        )
    bitstream = folder / f"{NAME}{suffix_of(found)}"
    if not bitstream.is_file():
        if report:
            raise NotBuilt(f"{bitstream}: is missing; build it again with accel build")
        return Built(board=found, bitstream=None, report={})
    try:
        _CHECKS[bitstream.suffix](bitstream.read_bytes())
    except bitstreams.BadBitstream as problem:
        raise NotBuilt(
            f"{bitstream}: is not whole: {problem}; build it again with accel build"
        ) from problem
    except OSError as problem:
        raise NotBuilt(f"{bitstream}: cannot be read: {problem.strerror or problem}") from problem
    return Built(board=found, bitstream=bitstream, report=report)


def suffix_of(board: Board) -> str:
    """The end of a bitstream's name, as the packer of the board's FPGA writes it."""
    return ".bit" if board.family == "ecp5" else ".bin"


def _report(path: Path) -> Mapping[str, Any]:
    """What the report says; nothing where there is none."""
    try:
        if path.stat().st_size > _MAX_REPORT:
            raise ValueError("it is too long")
        report = json.loads(path.read_bytes())
        if not isinstance(report, dict) or not all(
            isinstance(report.get(name), str) for name in ("board", "device")
        ):
            raise ValueError("it does not say which board it is for")
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise NotBuilt(f"{path}: cannot be read: {problem.strerror or problem}") from problem
    except (ValueError, RecursionError) as problem:
        raise NotBuilt(f"{path}: is not a build's report: {problem}; build it again") from problem
    return report


def _board(folder: Path, report: Mapping[str, Any], board: Board | None) -> Board:
    if not report:
        if board is None:
            raise NotBuilt(
                f"{folder}: has no {REPORT} that says which board it is for; give --board, or "
                "build it with accel build"
            )
        return board
    name, device = report["board"], report["device"]
    if board is None and name in boards.BOARDS:
        board = boards.BOARDS[name]
    elif board is None:
        # A platform's module would be run: only what a user types may name one.
        raise NotBuilt(
            f"{folder}: was built for {name}, whose programmer is not known; give --board with a "
            "board that has the same, or load the bitstream yourself"
        )
    elif board.name != name and (name in boards.BOARDS or board.device != device):
        raise NotBuilt(
            f"{folder}: was built for {name} with {device}, not for {board.name}; build it again "
            f"with: accel build --board {board.name} -o {folder}"
        )
    if board.device != device:
        raise NotBuilt(
            f"{folder}: was built for FPGA {device}, and {board.name} has {board.device}; build it "
            f"again with: accel build --board {board.name} -o {folder}"
        )
    return board
