"""The page of an exploration: the Pareto front with hover, and all points as a table."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from plotly.graph_objects import Figure, Scatter

from accel.pictures.charts import figure
from accel.pictures.colors import INK, board_colors
from accel.pictures.page import Section, Table, label, render
from accel.text import in_a_line

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
    sections = [_all_boards(points)] if len(fronts) > 1 and len(built) > 1 else []
    sections += [section for front in fronts for section in _of_board(front, points)]
    reasons = Counter(in_a_line(point["problem"]) for point in points if point["problem"])
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
    own = [point for point in points if point["point"]["board"] == board and not point["problem"]]
    color = board_colors([board])[board]
    sections = [
        Section(
            title=f"{board}: latency and {name}",
            content=_scatter(own, chosen, _KEYS.get(name, name), axis, color),
            explanation="Each dot is a core. Filled dots were placed and routed, open ones are "
            f"estimates. Those in a diamond nothing else {compared(front)}."
            if name == "logic"
            else "",
        )
        for name, axis in _CHARTS.items()
        # One dot is no chart; the table says all of it.
        if name in front["objectives"] and len(own) > 1
    ]
    front_of = Section(
        title=f"{board}: the front", content=front_table(chosen), explanation=left_out(front)
    )
    return [*sections, front_of]


def _all_boards(points: Sequence[dict[str, Any]]) -> Section:
    """The cores of all boards in one chart, each board in its own colour."""
    boards = list(dict.fromkeys(point["point"]["board"] for point in points))
    colors = board_colors(boards)
    chart = figure(height=480, x="latency of the core, without the link, ms", y=_CHARTS["logic"])
    chart.update_xaxes(type="log", dtick=math.log10(2), tickformat="~r")
    chart.update_yaxes(type="log", tickformat=",d", nticks=6)
    for board in boards:
        own = [p for p in points if p["point"]["board"] == board and not p["problem"]]
        if own:
            chart.add_trace(_dots(own, board, "logic", colors[board], None))
    return Section(
        title="All boards: latency and logic",
        content=chart,
        explanation="Each dot is a core, each colour a board, here and below. Filled dots were "
        "placed and routed, open ones are estimates.",
    )


def _dots(
    points: Sequence[dict[str, Any]], name: str, key: str, color: str, symbol: str | None
) -> Scatter:
    """A dot for each point; filled where it was placed and routed, unless ``symbol`` is given."""
    shown = [p for p in points if _value(p, key) is not None]
    symbols = [symbol or ("circle" if p["routed"] else "circle-open") for p in shown]
    return Scatter(
        name=label(name),
        x=[p["core_ms"] for p in shown],
        y=[_value(p, key) for p in shown],
        text=[_hover(p) for p in shown],
        mode="markers",
        marker={"color": color, "symbol": symbols, "size": 9, "line": {"width": 2, "color": color}},
        hovertemplate="%{text}<extra></extra>",
    )


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


def _scatter(
    points: Sequence[dict[str, Any]],
    front: Sequence[dict[str, Any]],
    key: str,
    axis: str,
    color: str,
) -> Figure:
    chart = figure(height=430, x="latency of the core, without the link, ms", y=axis)
    chart.update_xaxes(type="log", dtick=math.log10(2), tickformat="~r")
    values = [v for p in points if (v := _value(p, key)) is not None]
    if values and min(values) == max(values):
        # Else the chart would begin at 0
        chart.update_yaxes(range=[values[0] - 1, values[0] + 1])
    for name, symbol, routed in (
        ("estimated", "circle-open", False),
        ("placed and routed", "circle", True),
    ):
        group = [p for p in points if bool(p["routed"]) == routed]
        if any(_value(p, key) is not None for p in group):
            chart.add_trace(_dots(group, name, key, color, symbol))
    line = sorted((p["core_ms"], _value(p, key)) for p in front if _value(p, key) is not None)
    chart.add_trace(
        Scatter(
            name="front",
            x=[x for x, _ in line],
            y=[y for _, y in line],
            mode="markers",
            marker={"color": INK, "symbol": "diamond-open", "size": 15},
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
        f"{label(describe(point))}<br>{point['time']}<br>at {point['fmax_mhz']:.1f} MHz"
        f"<br>{_logic(point):,} cells of logic{energy}{accuracy}"
        f"<br>{'placed and routed' if point['routed'] else 'estimated'}"
    )


def front_table(points: Sequence[dict[str, Any]]) -> Table:
    """The points of a front, for a page as for a terminal."""
    rows = [
        [
            describe(p),
            f"{p['core_ms']:.3f}",
            f"{p['link_ms']:.3g}",
            f"{p['throughput']:,.3g}" if p["throughput"] < 100 else f"{p['throughput']:,.0f}",
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
    headings = [
        "core",
        ">ms core",
        ">ms link",
        ">/s",
        ">MHz",
        ">cycles",
        f">{logic}",
        ">µJ",
        ">accuracy",
        "",
    ]
    return Table(headings=headings, rows=rows)
