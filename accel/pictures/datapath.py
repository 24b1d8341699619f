"""The page of number formats and processing elements side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accel.pictures.charts import bars
from accel.pictures.page import Section, Table, render
from accel.text import counted_lines


def datapath_page(
    title: str, rows: Sequence[Mapping[str, Any]], table: Table, logic: Callable[[Any], int | None]
) -> str:
    """The page; ``rows`` as in ``accel datapath report --json``, the first the board's own."""
    names = [row["name"] for row in rows]
    charts: list[tuple[str, str, list[float | None]]] = [
        ("Logic", "cells", [logic(row) for row in rows]),
        ("Fmax, median over seeds", "MHz", [_fmax(row) for row in rows]),
    ]
    for network in dict.fromkeys(name for row in rows for name in row["networks"]):
        ones = [row["networks"].get(network, {}) for row in rows]
        for key, text in (
            ("cycles", "cycles"),
            ("latency_ms", "ms core, without the link"),
            ("program_bytes", "bytes of program"),
            ("accuracy", "accuracy"),
        ):
            charts.append((f"{network}: {text}", text, [one.get(key) for one in ones]))
    sections = [Section(title="Side by side", content=table)]
    sections += [
        Section(title=heading, content=bars(names, values, axis))
        for heading, axis, values in charts
        # What has but one bar is in the table, and compares nothing.
        if sum(value is not None for value in values) > 1
    ]
    reasons = [(row["name"], row["problem"]) for row in rows if row["problem"]]
    reasons += [
        (f"{row['name']}, {name}", one["problem"])
        for row in rows
        for name, one in row["networks"].items()
        if one["problem"]
    ]
    if reasons:
        sections.append(
            Section(title="What has no figures, and why", content=counted_lines(reasons))
        )
    return render(title, {"cores": str(len(rows))}, sections)


def _fmax(row: Mapping[str, Any]) -> float | None:
    return row["fmax_mhz"]["median"] if row.get("fmax_mhz") else None
