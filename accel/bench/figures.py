"""Figures: what was measured, beside what others have reached."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a figure is; ``higher`` says that more is better, ``None`` that it is no contest."""

    title: str
    unit: str
    higher: bool | None


def _kind(title: str, unit: str, higher: bool | None) -> Kind:
    return Kind(title=title, unit=unit, higher=higher)


# The keys are those of the JSON and do not change; each title is a row of the tables.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        # of a board
        "fmax": _kind("signed-off Fmax", "MHz", True),
        "clock": _kind("the board's clock", "MHz", None),
        "logic": _kind("logic cells", "cells", False),
        "dsp": _kind("DSP", "cells", None),
        "ebr": _kind("EBR", "cells", None),
        "spram": _kind("SPRAM", "cells", None),
        "build": _kind("build, all seeds", "s", False),
        "build_seed": _kind("build, per seed", "s", False),
        # of a network on a board
        "cycles": _kind("cycles, by the model", "cycles", False),
        "rtl_cycles": _kind("cycles, counted in RTL", "cycles", False),
        "latency": _kind("latency of the core", "ms", False),
        "link": _kind("the link adds", "ms", False),
        "throughput": _kind("with the link", "inferences/s", True),
        "macs_per_cycle": _kind("MAC a cycle", "MAC/cycle", True),
        "share_of_peak": _kind("share of peak", "%", True),
        "mmacs": _kind("MAC a second", "MMAC/s", True),
        "energy": _kind("energy, estimated", "uJ", False),
        # of this computer
        "compile": _kind("compile", "s", False),
        "machine": _kind("machine", "inferences/s", True),
        "rtl": _kind("compiled RTL", "inferences/s", True),
        "rtl_speed": _kind("compiled RTL", "cycles/s", True),
        "numpy": _kind("NumPy on this CPU", "inferences/s", True),
        "cpp": _kind("TFLM-style C++ on this CPU", "inferences/s", True),
    }
)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Somebody else's figure, or a limit, and where it is from.

    ``figure`` is a key of ``KINDS``. An anchor holds for everything, or only for a known
    ``network``, for chips whose name begins with one of ``devices``, and for arrays of ``macs``
    (least, most). A ``limit`` cannot be exceeded; a ``capacity`` is a limit of a resource.
    """

    figure: str
    value: float
    who: str
    source: str
    network: str | None = None
    devices: tuple[str, ...] = ("",)
    macs: tuple[int, int] = (0, 1 << 30)
    limit: bool = False
    capacity: bool = False

    def holds(self, network: str | None, device: str, macs: int) -> bool:
        """Whether this is an anchor of that network on such an array of that chip."""
        return (
            self.network in (None, network)
            and device.startswith(self.devices)
            and self.macs[0] <= macs <= self.macs[1]
        )


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value with its spread, or, where ``value`` is ``None``, why there is none.

    ``how`` says how it came about. ``least``, ``most`` and ``samples`` describe a median.
    """

    value: float | None
    how: str
    least: float | None = None
    most: float | None = None
    samples: int = 1
    anchors: tuple[Anchor, ...] = ()

    def as_dict(self, key: str) -> dict[str, Any]:
        """The JSON of a figure."""
        return {
            "value": _rounded(self.value),
            "unit": KINDS[key].unit,
            "min": _rounded(self.least),
            "max": _rounded(self.most),
            "samples": self.samples,
            "how": self.how,
            "anchors": [
                {
                    "value": _rounded(anchor.value),
                    "who": anchor.who,
                    "source": anchor.source,
                    "limit": anchor.limit,
                    "ratio": _rounded(self.ratio(anchor)),
                    "times_better": _rounded(self.times_better(key, anchor)),
                }
                for anchor in self.anchors
            ],
        }

    def ratio(self, anchor: Anchor) -> float | None:
        """Ours by theirs."""
        return None if self.value is None else self.value / anchor.value

    def times_better(self, key: str, anchor: Anchor) -> float | None:
        """Above 1 where ours is better; ``None`` where that cannot be said."""
        higher = KINDS[key].higher
        if not self.value or higher is None or anchor.capacity:
            return None
        return self.value / anchor.value if higher else anchor.value / self.value


def _rounded(value: float | None) -> float | None:
    """To six digits; integers stay what they are."""
    return value if value is None or isinstance(value, int) else float(f"{value:.6g}")


def missing(why: str) -> Figure:
    """A figure without a value, and why."""
    return Figure(value=None, how=why)


def median(values: Sequence[float], how: str) -> Figure:
    """A figure of several measurements."""
    return Figure(
        value=statistics.median(values),
        how=how,
        least=min(values),
        most=max(values),
        samples=len(values),
    )


def anchored(
    key: str,
    figure: Figure,
    anchors: Iterable[Anchor],
    *,
    network: str | None = None,
    device: str = "",
    macs: int = 0,
) -> Figure:
    """The figure beside the anchors that hold for it."""
    found = [a for a in anchors if a.figure == key and a.holds(network, device, macs)]
    return Figure(**{**vars(figure), "anchors": (*figure.anchors, *found)})
