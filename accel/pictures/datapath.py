"""The page of number formats and processing elements side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plotly.graph_objects import Bar, Figure

from accel.pictures.charts import BLUE, figure
from accel.pictures.page import Section, Table, label, render


def datapath_page(
    title: str, rows: Sequence[Mapping[str, Any]], table: Table, logic: Callable[[Any], int | None]
) -> str:
    """The page; ``rows`` are those of ``accel datapath report --json``, the first the board's own."""
    names = [row["name"] for row in rows]
    charts = [
        ("Logic", "cells", [logic(row) for row in rows]),
        ("Fmax, median over seeds", "MHz", [_fmax(row) for row in rows]),
    ]
    for network in dict.fromkeys(name for row in rows for name in row["networks"]):
        ones = [row["networks"].get(network, {}) for row in rows]
        for key, text in (
            ("cycles", "cycles"),
            ("latency_ms", "ms"),
            ("program_bytes", "bytes of program"),
            ("accuracy", "accuracy"),
        ):
            charts.append((f"{network}: {text}", text, [one.get(key) for one in ones]))
    sections = [Section(title="Side by side", content=table)]
    sections += [
        Section(title=heading, content=_bars(names, values, axis))
        for heading, axis, values in charts
        if any(value is not None for value in values)
    ]
    reasons = [
        f"{row['name']}: {' '.join(row['problem'].split())}" for row in rows if row["problem"]
    ]
    reasons += [
        f"{row['name']}, {name}: {' '.join(one['problem'].split())}"
        for row in rows
        for name, one in row["networks"].items()
        if one["problem"]
    ]
    if reasons:
        sections.append(Section(title="What has no figures, and why", content=reasons))
    return render(title, {"cores": str(len(rows))}, sections)


def _fmax(row: Mapping[str, Any]) -> float | None:
    return row["fmax_mhz"]["median"] if row.get("fmax_mhz") else None


def _bars(names: Sequence[str], values: Sequence[float | None], axis: str) -> Figure:
    chart = figure(height=110 + 34 * len(names), x=axis, y="", showlegend=False)
    chart.update_yaxes(autorange="reversed")
    chart.add_trace(
        Bar(
            x=list(values),
            y=[label(name) for name in names],
            orientation="h",
            marker_color=BLUE,
            hovertemplate="%{y}: %{x}<extra></extra>",
        )
    )
    return chart
