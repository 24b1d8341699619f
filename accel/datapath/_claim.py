"""A claim about a datapath, and the core that it is checked on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.core.pe import element_of


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim: what is claimed, how it was checked, and what was found to be wrong, if
    anything."""

    what: str
    how: str
    problem: str = ""

    @property
    def holds(self) -> bool:
        return not self.problem

    def as_dict(self) -> dict[str, Any]:
        return {"claim": self.what, "how": self.how, "holds": self.holds, "problem": self.problem}


def smallest(
    config: AcceleratorConfig, sizes: Iterable[tuple[int, int]] = ((2, 1), (2, 2), (2, 4))
) -> AcceleratorConfig:
    """The first of a few small sizes that the element can be made for, else the core as it is."""
    for rows, columns in sizes:
        smaller = config.replace(rows=rows, columns=columns)
        try:
            element_of(smaller)
            return smaller
        except InvalidConfiguration:
            continue
    return config
