"""Why a model cannot be used: a place, what is wrong there, why, and what to do instead."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import Refusal, UserError
from ..text import escaped


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A size that a network needs, and what a configuration has of it.

    Attributes
    ----------
    kind : str
        ``bank`` (an input or output in one of the two banks), ``activations`` (all tensors that
        must be in a bank together), ``memory`` (these and the program), ``weight_buffer``,
        ``sum`` (an accumulator), or ``form`` (a count that the core's loops or words do not have).
    needed, there : int
        In ``unit``; 0 where a ``form`` has no number.
    """

    kind: str
    needed: int = 0
    there: int = 0
    unit: str = "bytes"

    @property
    def excess(self) -> float:
        """How many times what there is would be needed."""
        return self.needed / max(1, self.there)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that is in the way, written as ``place: what (why); remedy``.

    Such as ``operator 3 (CONV_2D): dilation 2x2 is not supported; use dilation 1x1``. ``place``
    names a part of the user's model, an operator by its number and kind, a tensor, an input or an
    output by its name, and is empty for the whole; ``why`` and ``remedy`` may be empty.
    What another configuration may have room for has a ``limit`` and no remedy: which configuration
    does is found by trying, see `accel.explore.fit`.
    """

    place: str
    what: str
    why: str = ""
    remedy: str = ""
    limit: Limit | None = None

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        place = f"{self.place}: " if self.place else ""
        return "".join(map(printable, (place, self.what, why, remedy)))


SHOWN = 8  # the most operators or tensors of one kind that a place names
_OPERATOR = re.compile(r"operator (\d+) \((.*)\)", re.DOTALL)
_NAMED = re.compile(r"(tensor|input|output) ('.*'|\".*\")", re.DOTALL)
_VERB = re.compile(r"(is|has|takes|lacks|needs|must|cannot|reads|writes|names|keeps|makes|picks)\b")


def grouped(reasons: Iterable[Reason]) -> list[Reason]:
    """The reasons in their order, each said once with all the places that it holds for."""
    alike: dict[tuple[str, str, str], list[Reason]] = {}
    for reason in reasons:
        alike.setdefault((reason.what, reason.why, reason.remedy), []).append(reason)
    found = []
    for group in alike.values():
        places = list(dict.fromkeys(reason.place for reason in group))
        one = group[0]
        if len(places) > 1:
            what = f"each {one.what}" if _VERB.match(one.what) else one.what
            one = replace(one, place=together(places), what=what)
        found.append(one)
    return found


def together(places: Sequence[str]) -> str:
    """Several places as one, such as ``operators 3, 5 and 7 (MEAN) and tensor 'a'``."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for place in places:
        operator, named = _OPERATOR.fullmatch(place), _NAMED.fullmatch(place)
        if operator:
            kinds.setdefault(("operator", f" ({operator[2]})"), []).append(operator[1])
        elif named:
            kinds.setdefault((named[1], ""), []).append(named[2])
        else:
            kinds.setdefault(("", ""), []).append(place or "the whole")
    texts = []
    for (noun, kind), names in kinds.items():
        several = f"{noun}{'s' * (len(names) > 1)} " if noun else ""
        texts.append(f"{several}{_enumeration(names)}{kind}")
    return _enumeration(texts)


def _enumeration(items: Sequence[str]) -> str:
    shown = list(items[:SHOWN])
    if len(items) > SHOWN:
        shown.append(f"{len(items) - SHOWN} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


LISTED = 30  # the most reasons that a message lists
LONGEST = 2000  # the most characters of a part of a reason


def printable(text: str) -> str:
    """One readable line, whatever a file's names contain; see `accel.text`."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return escaped(text)


def listing(subject: str, reasons: Sequence[Reason]) -> str:
    """One message for all ``reasons``, `grouped`: a single line for one, else a line for each."""
    reasons = grouped(reasons)
    if len(reasons) == 1:
        return f"{printable(subject)}: {reasons[0]}"
    lines = [f"{printable(subject)}: cannot be used, for {len(reasons)} reasons:"]
    lines += [f"  {reason}" for reason in reasons[:LISTED]]
    if len(reasons) > LISTED:
        lines.append(f"  and {len(reasons) - LISTED} more")
    return "\n".join(lines)


class CannotCompile(Refusal):
    """A network does not run on a configuration; ``reasons`` has everything in the way."""

    def __init__(self, model: str, reasons: list[Reason]) -> None:
        super().__init__(listing(model, reasons))
        self.model = model
        self.reasons = tuple(reasons)

    @property
    def of_size(self) -> bool:
        return all(reason.limit for reason in self.reasons)


class DoesNotFit(Refusal):
    """A layer or a network is too large for a configuration; ``args[0]`` is a `Reason` or text."""

    @property
    def of_size(self) -> bool:
        return bool(getattr(self.args[0], "limit", None))


class NotProved(UserError):
    """The hardware's division cannot reproduce a channel's requantization."""
