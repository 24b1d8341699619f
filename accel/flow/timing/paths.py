"""A timed path through a placed and routed design, and its description in words."""

import re
from dataclasses import dataclass

_KINDS = (
    (r"_(SB_DFF|TRELLIS_FF|DFFLC)", "register"),
    (r"_(DSP)$|mac16|\.mult$", "multiplier"),
    (r"\.spram", "SPRAM"),
    (r"_RAM$|\.\d+\.\d+$", "block RAM"),
    (r"_(SB_CARRY|CCU2C)", "carry chain"),
    (r"_(SB_LUT4|LUT4|PFUMX|L6MUX21)", "logic"),
)
_SUFFIXES = re.compile(
    r"(_(SB_|TRELLIS_|LUT4|CCU2C|PFUMX|L6MUX21|\$abc)\w*.*|_(DFFLC|LC|DSP|RAM)|\$nextpnr\w*)$"
)


@dataclass(frozen=True, kw_only=True)
class PathStep:
    """One delay on a path: it ends at ``port`` of ``cell``."""

    cell: str
    port: str
    delay_ns: float
    is_routing: bool


@dataclass(frozen=True, kw_only=True)
class TimedPath:
    """A path from clock to clock: clock skew, if any, clock-to-out, routing and logic, and setup.

    It has ``periods`` of the clock: a half where it goes from one edge to the other.
    """

    steps: tuple[PathStep, ...]
    periods: float = 1.0

    @property
    def delay_ns(self) -> float:
        return sum(step.delay_ns for step in self.steps)

    @property
    def routing_ns(self) -> float:
        return sum(step.delay_ns for step in self.steps if step.is_routing)

    @property
    def logic_ns(self) -> float:
        return self.delay_ns - self.routing_ns

    @property
    def fmax_mhz(self) -> float:
        return 1e3 * self.periods / self.delay_ns

    @property
    def start(self) -> str:
        return describe_cell(self.steps[0].cell)

    @property
    def end(self) -> str:
        return describe_cell(self.steps[-1].cell)

    def describe(self) -> str:
        """One sentence: from where to where, how long, and the share of logic and routing."""
        inner = [step.cell for step in self.steps[1:] if step.is_routing][:-1]
        through = f" through {len(inner)} cells" if inner else ""
        through += ", from one edge of the clock to the other" if self.periods != 1 else ""
        return (
            f"{self.start} to {self.end}{through}: {self.delay_ns:.2f} ns"
            f" ({self.logic_ns:.2f} logic, {self.routing_ns:.2f} routing)"
        )

    def as_json(self) -> dict:
        """What ``report.json`` keeps of the path."""
        return {
            "from": self.start,
            "to": self.end,
            "delay_ns": round(self.delay_ns, 3),
            "logic_ns": round(self.logic_ns, 3),
            "routing_ns": round(self.routing_ns, 3),
            "words": self.describe(),
            "cells": [
                {
                    "cell": step.cell,
                    "port": step.port,
                    "delay_ns": round(step.delay_ns, 3),
                    "routing": step.is_routing,
                }
                for step in self.steps
            ],
        }


def describe_cell(cell: str) -> str:
    """The net or instance of the design that a cell of the netlist was named after."""
    kind = next((kind for pattern, kind in _KINDS if re.search(pattern, cell)), "cell")
    name = _SUFFIXES.sub("", cell) or cell
    return f"{kind} {name}"
