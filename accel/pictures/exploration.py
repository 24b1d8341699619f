"""The page of an exploration: the Pareto front with hover, and all points as a table."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from plotly.graph_objects import Figure, Scatter

from accel.pictures.charts import BLUE, GREY, RED, figure
from accel.pictures.page import Section, Table, label, render

# Why an objective may be unknown, as `accel.explore.sweep` names them.
_UNKNOWN = {
    "energy": "nobody has measured the family's power",
    "accuracy": "there are no labelled data; give --data",
}
_CHARTS = {
    "logic": "cells of logic",
    "energy": "µJ an inference, estimated",
    "accuracy": "accuracy, %",
}
_KEYS = {"energy": "energy_uj"}


def exploration_page(
    title: str, points: Sequence[dict[str, Any]], fronts: Sequence[dict[str, Any]]
) -> str:
    """The page; ``points`` and ``fronts`` are those of ``explore.json``."""
    built = [point for point in points if not point["problem"]]
    routed = sum(point["routed"] for point in built)
    facts = {
        "points estimated": str(len(points)),
        "that fit": str(len(built)),
        "placed and routed": str(routed),
        "on the front of their board": str(sum(len(front["points"]) for front in fronts)),
    }
    sections = [section for front in fronts for section in _of_board(front, points)]
    reasons = Counter(_in_a_line(point["problem"]) for point in points if point["problem"])
    if reasons:
        sections.append(
            Section(
                title="Why points were left out",
                content=[
                    f"{count} {'point' if count == 1 else 'points'}: {reason}"
                    for reason, count in reasons.most_common()
                ],
            )
        )
    return render(title, facts, sections)


def _of_board(front: dict[str, Any], points: Sequence[dict[str, Any]]) -> list[Section]:
    """The charts of one board, and its front as a table."""
    board = front["board"]
    chosen = [points[i] for i in front["points"]]
    own = [point for point in points if point["point"]["board"] == board]
    sections = [
        Section(
            title=f"{board}: latency and {name}",
            content=_scatter(own, chosen, _KEYS.get(name, name), axis),
            explanation="Each dot is a core. Filled dots were placed and routed, open ones are "
            f"estimates. Those in a diamond nothing else {compared(front)}."
            if name == "logic"
            else "",
        )
        for name, axis in _CHARTS.items()
        if name in front["objectives"]
    ]
    front_of = Section(
        title=f"{board}: the front", content=front_table(chosen), explanation=left_out(front)
    )
    return [*sections, front_of]


def compared(front: dict[str, Any]) -> str:
    """In what nothing else on a board is better than a point of its front."""
    *most, last = front["objectives"]
    return f"on {front['board']} beats in {', '.join(most)} and {last}"


def left_out(front: dict[str, Any]) -> str:
    """What a front does not compare, and why; nothing if it compares everything."""
    return ". ".join(
        f"{name.capitalize()} on {front['board']} is not known and not compared: {_UNKNOWN[name]}"
        for name in front["left_out"]
    )


def _logic(point: dict[str, Any]) -> int:
    return point["used"].get("LC", point["used"].get("LUT", 0))


def _value(point: dict[str, Any], key: str) -> float | None:
    if key == "accuracy":
        return None if point[key] is None else 100 * point[key]
    return _logic(point) if key == "logic" else point[key]


def _in_a_line(reason: str) -> str:
    return "; ".join(filter(None, map(str.strip, reason.splitlines()))).replace(":;", ":")


def _scatter(
    points: Sequence[dict[str, Any]], front: Sequence[dict[str, Any]], key: str, axis: str
) -> Figure:
    chart = figure(height=430, x="latency, ms", y=axis)
    chart.update_xaxes(type="log", dtick=math.log10(2), tickformat="~r")
    values = [v for p in points if not p["problem"] and (v := _value(p, key)) is not None]
    if values and min(values) == max(values):
        # Else the chart would begin at 0
        chart.update_yaxes(range=[values[0] - 1, values[0] + 1])
    groups = (
        (
            "estimated",
            GREY,
            "circle-open",
            [p for p in points if not p["problem"] and not p["routed"]],
        ),
        (
            "placed and routed",
            BLUE,
            "circle",
            [p for p in points if not p["problem"] and p["routed"]],
        ),
    )
    for name, color, symbol, group in groups:
        chosen = [p for p in group if _value(p, key) is not None]
        if chosen:
            chart.add_trace(
                Scatter(
                    name=name,
                    x=[p["latency_ms"] for p in chosen],
                    y=[_value(p, key) for p in chosen],
                    text=[_hover(p) for p in chosen],
                    mode="markers",
                    marker={"color": color, "symbol": symbol, "size": 9},
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    line = sorted((p["latency_ms"], _value(p, key)) for p in front if _value(p, key) is not None)
    chart.add_trace(
        Scatter(
            name="front",
            x=[x for x, _ in line],
            y=[y for _, y in line],
            mode="markers",
            marker={"color": RED, "symbol": "diamond-open", "size": 14},
            hoverinfo="skip",
        )
    )
    return chart


def describe(point: dict[str, Any]) -> str:
    """A point in a few words."""
    c = point["configuration"]
    requantizers = f", {c['requantizers']} requantizers" if c["requantizers"] > 1 else ""
    return (
        f"{point['point']['board']} {c['rows']}x{c['columns']} {c['format']} {c['element']}"
        f"{requantizers}"
    )


def _hover(point: dict[str, Any]) -> str:
    accuracy = "" if point["accuracy"] is None else f"<br>accuracy {100 * point['accuracy']:.2f} %"
    energy = f"<br>{point['energy_uj']:.1f} µJ" if point["energy_uj"] else ""
    return (
        f"{label(describe(point))}<br>{point['latency_ms']:.3f} ms at {point['fmax_mhz']:.1f} MHz"
        f"<br>{_logic(point):,} cells of logic{energy}{accuracy}"
        f"<br>{'placed and routed' if point['routed'] else 'estimated'}"
    )


def front_table(points: Sequence[dict[str, Any]]) -> Table:
    """The points of a front, for a page as for a terminal."""
    rows = [
        [
            describe(p),
            f"{p['latency_ms']:.3f}",
            f"{p['fmax_mhz']:.1f}",
            f"{sum(p['cycles'].values()):,}",
            f"{_logic(p):,}",
            f"{p['energy_uj']:.1f}" if p["energy_uj"] else "",
            "" if p["accuracy"] is None else f"{100 * p['accuracy']:.2f} %",
            "routed" if p["routed"] else "estimated",
        ]
        for p in points
    ]
    cells = {name for p in points for name in ("LC", "LUT") if name in p["used"]}
    logic = cells.pop() if len(cells) == 1 else "logic"
    headings = ["core", ">ms", ">MHz", ">cycles", f">{logic}", ">µJ", ">accuracy", ""]
    return Table(headings=headings, rows=rows)
