"""Whether bitstreams, and the texts that they are packed from, are whole.

Tools write them from the beginning to the end, and say nothing if the disk is full: each check
finds the end, and counts by nextpnr's own report what must have come before it. Formats: Project
IceStorm (.asc, .bin) and Project Trellis (.config, .bit).
"""

import binascii
import re
from collections import defaultdict
from collections.abc import Mapping

_GRIDS = {"384": (8, 10), "1k": (14, 18), "5k": (26, 32), "u4k": (26, 22), "8k": (34, 34)}
_TILE_ROWS, _RAM_ROWS, _RAM_DIGITS = 16, 16, 64

_ICE_PREAMBLE = bytes.fromhex("7eaa997e")
_ICE_DATA, _ICE_WAKE_UP = (1, 3), 6
_ICE_WIDTH, _ICE_HEIGHT, _ICE_CRC = 6, 7, 2
_ECP5_PREAMBLE, _ECP5_END = bytes.fromhex("ffffbdb3"), bytes.fromhex("5e000000")


class BadBitstream(ValueError):
    """A bitstream lacks a part; the message names it."""


def check_asc(text: str, used: Mapping[str, int]) -> None:
    """An iCE40's bits as text; ``used`` are the cells by nextpnr's names.

    After all bits are names of nets, which make no difference. Raises ``BadBitstream``.
    """
    if not text.endswith("\n"):
        raise BadBitstream("it ends within a line")
    device, rams, names = "", 0, 0
    widths: dict[str, set[int]] = defaultdict(set)
    places = set()
    for block in re.split(r"^\.", text, flags=re.MULTILINE)[1:]:
        head, *rows = filter(None, block.splitlines())
        kind, *operands = head.split(" ")
        if kind == "device":
            device = " ".join(operands)
        elif kind.endswith("_tile"):
            widths[kind].update(map(len, rows))
            if len(rows) != _TILE_ROWS or len(widths[kind]) > 1 or not {*"".join(rows)} <= {*"01"}:
                raise BadBitstream(f"{head} is cut off")
            places.add(tuple(operands))
        elif kind == "ram_data":
            if len(rows) != _RAM_ROWS or any(len(row) != _RAM_DIGITS for row in rows):
                raise BadBitstream(f"{head} is cut off")
            rams += 1
        names += kind == "sym"
    if device not in _GRIDS:
        raise BadBitstream(f"its device is {device!r}")
    width, height = _GRIDS[device]
    # Tiles are everywhere but in the four corners.
    if len(places) != width * height - 4:
        raise BadBitstream(f"it has {len(places)} tiles of {width * height - 4}")
    if rams != used.get("ICESTORM_RAM", 0):
        raise BadBitstream(f"it has the contents of {rams} memories of {used['ICESTORM_RAM']}")
    if not names:
        raise BadBitstream("it ends before the names of the nets")


def check_config(text: str, used: Mapping[str, int]) -> None:
    """An ECP5's configuration as text; ``used`` as in `check_asc`. Raises ``BadBitstream``."""
    if not text.startswith(".device ") or not text.endswith("\n\n"):
        raise BadBitstream("it ends within a tile")
    groups = sum(used.get(name, 0) for name in ("DP16KD", "MULT18X18D", "EHXPLLL", "USRMCLK"))
    for what, pattern, wanted in (
        ("tables", r"^word: SLICE[A-D]\.K[01]\.INIT ", used.get("TRELLIS_COMB", 0)),
        ("memories", r"^\.bram_init ", used.get("DP16KD", 0)),
        ("groups of tiles", r"^\.tile_group ", groups),
    ):
        found = len(re.findall(pattern, text, re.MULTILINE))
        if found < wanted:
            raise BadBitstream(f"it has {found} {what} of {wanted}")


def check_bin(data: bytes) -> None:
    """An iCE40's bitstream, command by command, with its CRC. Raises ``BadBitstream``."""
    at = data.find(_ICE_PREAMBLE)
    if at < 0:
        raise BadBitstream("it has no preamble")
    at += len(_ICE_PREAMBLE)
    values = dict.fromkeys(range(16), 0)
    begin = at
    while at < len(data):
        command, size = data[at] >> 4, data[at] & 15
        operand = int.from_bytes(data[at + 1 : at + 1 + size], "big")
        at += 1 + size
        if command:
            values[command] = operand
            if command == _ICE_CRC and binascii.crc_hqx(data[begin:at], 0xFFFF):
                raise BadBitstream("its CRC is another")
        elif operand in _ICE_DATA:
            bits = (values[_ICE_WIDTH] + 1) * values[_ICE_HEIGHT]
            at += bits // 8 + 2  # and two bytes of zeros
        elif operand == 5:  # the CRC begins anew
            begin = at
        elif operand == _ICE_WAKE_UP:
            return
    raise BadBitstream(f"it ends after {len(data)} bytes, before the command to wake up")


def check_bit(data: bytes) -> None:
    """An ECP5's bitstream, from its preamble to the end. Raises ``BadBitstream``."""
    if not data.startswith(b"\xff\x00") or _ECP5_PREAMBLE not in data[:4096]:
        raise BadBitstream("it has no preamble")
    if not data.rstrip(b"\xff").endswith(_ECP5_END) or not data.endswith(b"\xff" * 4):
        raise BadBitstream(f"it ends after {len(data)} bytes, before the command that it is done")


def check_svf(text: str, bit_bytes: int) -> None:
    """The commands that shift a bitstream of so many bytes in. Raises ``BadBitstream``."""
    if len(text) < 2 * bit_bytes or not text.rstrip("\n").endswith(";"):
        raise BadBitstream(f"it ends after {len(text)} characters, within a command")
