"""Why a model cannot be used: a place, what is wrong there, why, and what to do instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UserError
from ..text import escaped


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that is in the way, written as ``place: what (why); remedy``.

    Such as ``conv2d_3 (CONV_2D): dilation 2x2 is not supported; use dilation 1x1``. ``place`` names
    a part of the user's model and is empty for the whole; ``why`` and ``remedy`` may be empty.
    """

    place: str
    what: str
    why: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        place = f"{self.place}: " if self.place else ""
        return "".join(map(printable, (place, self.what, why, remedy)))


LISTED = 30  # the most reasons that a message lists
LONGEST = 2000  # the most characters of a part of a reason


def printable(text: str) -> str:
    """One readable line, whatever a file's names contain; see `accel.text`."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return escaped(text)


def listing(subject: str, reasons: Sequence[Reason]) -> str:
    """One message for all ``reasons``: a single line for one, else a line for each."""
    if len(reasons) == 1:
        return f"{printable(subject)}: {reasons[0]}"
    lines = [f"{printable(subject)}: cannot be used, for {len(reasons)} reasons:"]
    lines += [f"  {reason}" for reason in reasons[:LISTED]]
    if len(reasons) > LISTED:
        lines.append(f"  and {len(reasons) - LISTED} more")
    return "\n".join(lines)


class CannotCompile(UserError):
    """A network does not run on a configuration; ``reasons`` has everything in the way."""

    def __init__(self, model: str, reasons: list[Reason]) -> None:
        super().__init__(listing(model, reasons))
        self.model = model
        self.reasons = tuple(reasons)


class DoesNotFit(UserError):
    """A layer or a network is too large for a configuration; ``args[0]`` is a `Reason` or text."""


class NotProved(UserError):
    """The hardware's division cannot reproduce a channel's requantization."""
