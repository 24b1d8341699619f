"""The operators of a model file and whether each is supported, also where the file is refused."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics import printable
from ..frontends import UnsupportedModel, bytes_of, frontend_of


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
        data = bytes_of(path).data
    except UnsupportedModel:
        return []
    frontend = frontend_of(data)
    if frontend is None:
        return []
    refused = {
        (number, match[2])
        for place in places
        if (match := _PLACE.fullmatch(place))
        for number in _NUMBER.findall(match[1])
    }
    return [
        Line(
            printable(spelling),
            spelling in frontend.operators,
            (str(index), spelling) not in refused,
        )
        for index, spelling in enumerate(frontend.spellings(data))
    ]


# Such as ``operator 3 (SPELLING)`` or ``operators 3, 5 and 7 (SPELLING)``.
_PLACE = re.compile(r"operators? ([\d, and]+) \((.*)\)", re.DOTALL)
_NUMBER = re.compile(r"\d+")
