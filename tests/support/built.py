"""Folders as `accel build` leaves them, without a build."""

import json
from pathlib import Path

from accel import boards
from accel.target import resources

ICE40_BITSTREAM = bytes.fromhex("ff0000ff 7eaa997e 0106 00")
"""The least that is whole: a preamble, and the command to wake up."""
ECP5_BITSTREAM = b"\xff\x00" + bytes.fromhex("ffffbdb3 5e000000") + b"\xff" * 4


def build_folder(folder: Path, name: str, **facts) -> Path:
    """Make a build's folder for a board; ``facts`` are what else its report says."""
    board = boards.get(name)
    report = {
        "board": board.name,
        "device": board.device,
        "configuration": resources.configure(board).as_dict(),
        "timing_met": True,
        **facts,
    }
    folder.mkdir(parents=True)
    ecp5 = board.family == "ecp5"
    (folder / f"top{'.bit' if ecp5 else '.bin'}").write_bytes(
        ECP5_BITSTREAM if ecp5 else ICE40_BITSTREAM
    )
    (folder / "report.json").write_text(json.dumps(report))
    return folder
