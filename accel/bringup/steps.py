"""What a step of the self-test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["passed", "failed", "not possible"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: ``said`` is what was found, in a sentence; ``look`` what to look at if it failed.

    ``places`` are the parts that are named as wrong, such as a bank, an address and a bit.
    """

    name: str
    outcome: Outcome
    said: str
    look: str = ""
    places: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def failed(self) -> bool:
        return self.outcome == "failed"

    def as_dict(self) -> dict[str, Any]:
        return {
            "step": self.name,
            "outcome": self.outcome,
            "said": self.said,
            "look_at": self.look,
            "places": [dict(place) for place in self.places],
        }


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong: where, and what that means."""

    said: str
    look: str
    place: Mapping[str, Any] = field(default_factory=dict)


def passed(name: str, said: str) -> Step:
    return Step(name=name, outcome="passed", said=said)


def impossible(name: str, why: str) -> Step:
    return Step(name=name, outcome="not possible", said=why)


def failed(name: str, findings: list[Finding]) -> Step:
    """A step that has found these; the same advice is given once."""
    return Step(
        name=name,
        outcome="failed",
        said="; ".join(finding.said for finding in findings),
        look="; ".join(dict.fromkeys(finding.look for finding in findings)),
        places=tuple(finding.place for finding in findings),
    )
