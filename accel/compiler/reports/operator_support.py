"""The operators of a model file and whether each is supported, also where the file is refused."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics import printable
from ..frontends import MAX_BYTES, frontend_of


@dataclass(frozen=True)
class Line:
    """An operator as the file spells it.

    ``known`` says that some form of it is supported, ``usable`` that this one is.
    """

    spelling: str
    known: bool
    usable: bool


def operator_support(path: Path, places: Collection[str]) -> list[Line]:
    """The operators of a file in its order; none where it cannot be read or is too large.

    ``places`` are the places of the reasons for which the file was refused.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return []
    frontend = frontend_of(data)
    if frontend is None or len(data) > MAX_BYTES:
        return []
    refused = {match.groups() for place in places if (match := _PLACE.match(place))}
    return [
        Line(
            printable(spelling),
            spelling in frontend.operators,
            (str(index), spelling) not in refused,
        )
        for index, spelling in enumerate(frontend.spellings(data))
    ]


# Such as ``operator 3 (SPELLING)`` or, of a node of the graph, ``conv2d_3 (SPELLING)``.
_PLACE = re.compile(r"(?:operator |\w*?_)(\d+)(?:_\d+)? \((.*)\)$")
