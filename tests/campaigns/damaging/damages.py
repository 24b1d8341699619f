"""What can befall a file."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

Damage = Callable[[Path, Sequence[Path], Random], None]
"""Does something to a file, which may need the other files of its folder."""


def flip_bits(path: Path, others: Sequence[Path], draw: Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def flip_near_an_end(path: Path, others: Sequence[Path], draw: Random) -> None:
    data = bytearray(path.read_bytes())
    at = draw.randrange(min(128, len(data)))
    data[at if draw.random() < 0.5 else -1 - at] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def cut(path: Path, others: Sequence[Path], draw: Random) -> None:
    os.truncate(path, draw.randrange(path.stat().st_size))


def cut_by_a_block(path: Path, others: Sequence[Path], draw: Random) -> None:
    size = path.stat().st_size
    os.truncate(path, 4096 * draw.randrange(max(1, size // 4096)))


def cut_by_little(path: Path, others: Sequence[Path], draw: Random) -> None:
    os.truncate(path, path.stat().st_size - draw.randint(1, min(8, path.stat().st_size)))


def empty(path: Path, others: Sequence[Path], draw: Random) -> None:
    os.truncate(path, 0)


def zeros(path: Path, others: Sequence[Path], draw: Random) -> None:
    data = bytearray(path.read_bytes())
    begin = draw.randrange(len(data))
    end = min(len(data), begin + draw.choice((16, 512, 4096)))
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)


def noise_in(path: Path, others: Sequence[Path], draw: Random) -> None:
    data = path.read_bytes()
    at = draw.randrange(len(data))
    path.write_bytes(data[:at] + draw.randbytes(draw.randint(1, 32)) + data[at:])


def noise_after(path: Path, others: Sequence[Path], draw: Random) -> None:
    with path.open("ab") as file:
        file.write(draw.randbytes(draw.choice((1, 64, 4096))))


def other_types(path: Path, others: Sequence[Path], draw: Random) -> None:
    texts = (b"null", b"{}", b"[]", b'"text"', b"\x7fELF", b"PK\x03\x04", b"\x80\x05.", b"<html>")
    path.write_bytes(draw.choice(texts) + draw.randbytes(draw.choice((0, 40))))


def swapped(path: Path, others: Sequence[Path], draw: Random) -> None:
    other = draw.choice(others)
    place = path.with_name(path.name + "-")
    path.rename(place)
    other.rename(path)
    place.rename(other)


def another(path: Path, others: Sequence[Path], draw: Random) -> None:
    shutil.copyfile(draw.choice(others), path)


def a_folder(path: Path, others: Sequence[Path], draw: Random) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("something")


def a_pipe(path: Path, others: Sequence[Path], draw: Random) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link(path: Path, others: Sequence[Path], draw: Random) -> None:
    target = path.with_name(path.name + ".elsewhere")
    path.rename(target)
    path.symlink_to(target)


def writable_by_all(path: Path, others: Sequence[Path], draw: Random) -> None:
    path.chmod(0o666)


def missing(path: Path, others: Sequence[Path], draw: Random) -> None:
    path.unlink()


CONTENT: tuple[Damage, ...] = (
    *(flip_bits, flip_near_an_end, cut, cut_by_a_block, cut_by_little, empty, zeros, noise_in),
    *(noise_after, other_types),
)
"""Damages of what a file says."""

OF_FILES: tuple[Damage, ...] = (a_folder, a_pipe, a_link, writable_by_all, missing)
BETWEEN: tuple[Damage, ...] = (swapped, another)
ALL = (*CONTENT, *OF_FILES, *BETWEEN)
