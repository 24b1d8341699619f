"""Which operators a model file has, also where it cannot be used."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from .frontends import FRONTENDS
from .frontends._tflite_file import Damaged, decode


@dataclass(frozen=True)
class Line:
    """An operator as the file spells it, and whether it is supported: in any form, in this one."""

    spelling: str
    known: bool
    usable: bool


def outline(path: Path, places: Collection[str]) -> list[Line]:
    """The operators of a file, in order; none where it cannot be read.

    ``places`` are those of the reasons for which the file was refused.
    """
    known = FRONTENDS["tflite"].operators
    try:
        records = decode(path.read_bytes()).operators
    except (OSError, Damaged):
        return []
    lines = []
    for index, record in enumerate(records):
        ours = known.get(record.spelling)
        names = {f"{ours}_{index} ({record.spelling})", f"operator {index} ({record.spelling})"}
        lines.append(Line(record.spelling, ours is not None, names.isdisjoint(places)))
    return lines
