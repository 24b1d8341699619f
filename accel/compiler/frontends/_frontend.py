"""What a front end's file defines, and the error that all of them raise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ..diagnostics import Reason, listing
from ..ir.graph import Graph

MAX_BYTES = 2**28  # of a model file, and of what it keeps in other files


class UnsupportedModel(UserError):
    """A model file cannot be used; ``reasons`` has everything that is in the way."""

    def __init__(self, model: str, reasons: Sequence[Reason]) -> None:
        super().__init__(listing(model, reasons))
        self.model = model
        self.reasons = tuple(reasons)


def alone(data: bytes, folder: Path, name: str) -> bytes:
    """The bytes of a file of a format that keeps everything in one file."""
    return data


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user says of a file that does not say it, or holds several networks.

    ``signature`` names one of the networks in a file; ``input_quant`` are quantizers of float
    inputs as `input_quant.parsed` reads them. ``state`` are outputs that go in again, ``OUT=IN``.
    ``host`` is that of `Graph`. ``contract`` is the one that constants are computed under, of those
    of the format.
    """

    signature: str | None = None
    input_quant: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    host: bool = True
    contract: str | None = None


NOTHING_CHOSEN = Choices()


@dataclass(frozen=True, kw_only=True)
class Frontend:
    """A reader of one file format.

    ``read(data, name, choices)`` returns a verified graph or raises ``UnsupportedModel``; ``name``
    is the file's name, for messages. ``whole(data, folder, name)`` returns the bytes with what the
    file keeps in other files of its folder put in, or raises ``UnsupportedModel``.
    ``spellings(data)`` returns the format's names of a file's operators in order, or an empty list
    if it cannot be read. ``operators`` maps the format's operator names to ours, or to an empty
    string where the reader needs no operator for them. ``contracts`` are the rounding contracts
    that files can be held to, the default first.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[..., Graph]
    spellings: Callable[[bytes], list[str]]
    operators: Mapping[str, str]
    contracts: tuple[str, ...]
    whole: Callable[[bytes, Path, str], bytes] = alone
