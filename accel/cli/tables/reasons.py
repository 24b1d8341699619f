"""Why something does not run, for people: reasons that say the same are counted, not repeated."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accel.compiler.diagnostics import Reason, grouped

_NUMBERS = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Reasons that differ only in place and numbers; ``places`` are those of all of them."""

    first: Reason
    places: tuple[str, ...]
    alike: Reason | None = None  # all of them, if they differ in place alone

    def __str__(self) -> str:
        more = len(self.places) - 1
        if not more:
            return str(self.first)
        if self.alike:
            return str(self.alike)
        others = f"and {more} more, such as {self.places[-1]}" if self.places[-1] else ""
        return f"{self.first} ({others or f'{more + 1} times'})"


def counted(reasons: Iterable[Reason]) -> tuple[Counted, ...]:
    """The reasons in their order, each kind of them once."""
    kinds: dict[str, list[Reason]] = {}
    for reason in reasons:
        kinds.setdefault(_kind(reason), []).append(reason)
    return tuple(
        Counted(
            first=alike[0],
            places=tuple(reason.place for reason in alike),
            alike=_of_all(alike),
        )
        for alike in kinds.values()
    )


def _of_all(alike: Sequence[Reason]) -> Reason | None:
    """One reason that says the same as all of these, which must have places of their own."""
    one = grouped(alike)
    return one[0] if len(one) == 1 and all(reason.place for reason in alike) else None


def counted_texts(texts: Iterable[str]) -> tuple[Counted, ...]:
    """The same of reasons that are text already, as `Reason` spells them."""
    return counted(
        Reason(place=place if colon else "", what=what if colon else place)
        for place, colon, what in (text.partition(": ") for text in texts)
    )


def kinds(reasons: Sequence[Reason]) -> tuple[tuple[str, int], ...]:
    """What two boards have in common whose reasons are alike, however large the numbers in them."""
    return tuple((_kind(one.first), len(one.places)) for one in counted(reasons))


def _kind(reason: Reason) -> str:
    """A reason without its place and its numbers."""
    return _NUMBERS.sub("#", f"{reason.what} ({reason.why}); {reason.remedy}")
