"""A run as a timeline in the Chrome trace format, which Perfetto and ``chrome://tracing`` open."""

from typing import Any

from accel.api import Report
from accel.text import escaped

_PROCESS, _LAYERS, _WORK = 1, 1, 2
# Colours that the trace viewer has names for.
_PARTS = (
    ("busy", "multiplying", "good"),
    ("waiting_weights", "waiting for weights", "terrible"),
    ("waiting_drain", "waiting for results to drain", "bad"),
)


def timeline(report: Report, clock_mhz: float) -> dict[str, Any]:
    """The trace: one layer after the other, and what it spends its cycles on.

    Times are microseconds at ``clock_mhz``, whole cycles are in each event's arguments. The core
    counts how many cycles of a layer it waits, not which: below a layer they stand in turn, as
    sums.
    """
    source = "counted by the core" if report.measured else "from the cycle model"
    events = [
        _name("process_name", f"{report.program.name}, cycles {source}"),
        _name("thread_name", "layers", _LAYERS),
        _name("thread_name", "of which (sums, in turn)", _WORK),
    ]
    cycle = 0
    for layer, counters in zip(report.layers, report.counters, strict=True):
        arguments = {
            "node": escaped(layer.node),
            "mode": layer.how,
            "MACs": layer.macs,
            "cycles": counters.cycles,
            "of the array's peak": round(layer.utilization, 4),
        }
        events.append(_slice(layer.name, cycle, counters.cycles, clock_mhz, _LAYERS, arguments))
        at = cycle
        for key, text, color in _PARTS:
            spent = getattr(counters, key)
            if spent:
                part = _slice(text, at, spent, clock_mhz, _WORK, {"cycles": spent})
                events.append({**part, "cname": color})
            at += spent
        rest = cycle + counters.cycles - at
        if rest:
            text = "beginning and end"
            events.append(_slice(text, at, rest, clock_mhz, _WORK, {"cycles": rest}))
        events.append(_count(cycle, layer.utilization, clock_mhz))
        cycle += counters.cycles
    events.append(_count(cycle, 0.0, clock_mhz))
    return {
        "traceEvents": events,
        "displayTimeUnit": "ns",
        "otherData": {"clock_mhz": clock_mhz, "cycles": cycle, "source": source},
    }


def _name(what: str, text: str, thread: int = 0) -> dict[str, Any]:
    return {
        "name": what,
        "ph": "M",
        "pid": _PROCESS,
        "tid": thread,
        "args": {"name": escaped(text)},
    }


def _slice(
    name: str, begin: int, cycles: int, clock_mhz: float, thread: int, arguments: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": escaped(name),
        "cat": "core",
        "ph": "X",
        "ts": begin / clock_mhz,
        "dur": cycles / clock_mhz,
        "pid": _PROCESS,
        "tid": thread,
        "args": arguments,
    }


def _count(cycle: int, utilization: float, clock_mhz: float) -> dict[str, Any]:
    return {
        "name": "% of the array's peak",
        "ph": "C",
        "ts": cycle / clock_mhz,
        "pid": _PROCESS,
        "args": {"%": round(100 * utilization, 2)},
    }
