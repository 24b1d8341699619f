"""The tables of boards/bench.json, which ``accel bench --json`` writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accel.cli.tables.bench import amount, with_spread

from .markdown import table as markdown

BENCH = Path(__file__).resolve().parents[3] / "boards" / "bench.json"
SAME_RUN = "the same run"

# What the front page shows: network, board, and whose latency stands beside it.
FIVE = (
    ("kws01_dscnn_int8", "keyword spotting", "icebreaker", "CFU-Playground"),
    ("vww01_mobilenet_int8", "person detection", "icebreaker", "Cortex-M85 at 480 MHz"),
    ("ic01_resnet_int8", "ResNet-8, CIFAR-10", "orangecrab_r0_2_25f", "FPGA with 78 DSP"),
    ("kws01_dscnn_int8", "keyword spotting", "ulx3s_85f", "FPGA, Zynq 7020 with 188 DSP"),
    ("ic01_resnet_int8", "ResNet-8, CIFAR-10", "ulx3s_85f", "Cortex-M85 at 480 MHz"),
)


def _bench() -> dict[str, Any]:
    return json.loads(BENCH.read_text())


def _runs(bench: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for run in bench["runs"] if run["runs"]]


def _board(bench: dict[str, Any], name: str) -> dict[str, Any]:
    return next(board for board in bench["boards"] if board["board"] == name)


def five() -> str:
    """The front page's five rows."""
    bench, rows = _bench(), []
    for network, title, name, who in FIVE:
        (run,) = (r for r in _runs(bench) if (r["network"], r["board"]) == (network, name))
        figures, size = run["figures"], _board(bench, name)["configuration"]
        (anchor,) = (a for a in _others(figures["latency"]) if a["who"] == who)
        rows.append(
            [
                title,
                f"`{name}` {size['rows']}x{size['columns']}",
                amount(figures["cycles"]["value"]),
                f"{amount(figures['latency']['value'])} + {amount(figures['link']['value'])}",
                f"{amount(figures['throughput']['value'])}/s",
                f"{_beside(anchor)} than {who}",
            ]
        )
    heading = [
        "MLPerf Tiny network",
        "board and array",
        "cycles",
        "ms core + link",
        "both",
        "the core beside others",
    ]
    return markdown(heading, rows)


def results() -> str:
    """Every network that runs, on every board that was measured, and what measured it."""
    bench = _bench()
    heading = ["network", "board", "cycles, model", "RTL", "MAC/cycle", "of peak"]
    heading += ["ms core at median Fmax, MHz", "ms link", "/s of both", "uJ"]
    rows = [_result(run, _board(bench, run["board"]), bench) for run in _runs(bench)]
    return f"{markdown(heading, rows)}\n\n{computer(bench)}"


def _known_as(bench: dict[str, Any], name: str) -> str:
    (network,) = (n for n in bench["networks"] if n["network"] == name)
    return network["known_as"] or ""


def _result(run: dict[str, Any], board: dict[str, Any], bench: dict[str, Any]) -> list[str]:
    figures, known = run["figures"], _known_as(bench, run["network"])
    counted = figures["rtl_cycles"]["value"]
    same = (
        "" if counted is None else "equal" if counted == figures["cycles"]["value"] else "differs"
    )
    joule, fmax = figures["energy"]["value"], board["figures"]["fmax"]
    return [
        f"`{run['network']}`" + (f", {known}" if known else ""),
        f"`{run['board']}`",
        amount(figures["cycles"]["value"]),
        same,
        amount(figures["macs_per_cycle"]["value"]),
        f"{amount(figures['share_of_peak']['value'])} %",
        f"{amount(figures['latency']['value'])} at {amount(fmax['value'])}",
        amount(figures["link"]["value"]),
        amount(figures["throughput"]["value"]),
        "" if joule is None else amount(joule),
    ]


def beside() -> str:
    """Latencies beside others', a table for each network: a row for whom, a column for a board."""
    bench, tables = _bench(), []
    for network in dict.fromkeys(run["network"] for run in _runs(bench)):
        runs = [run for run in _runs(bench) if run["network"] == network]
        columns = {
            run["board"]: {a["who"]: _beside(a) for a in _others(run["figures"]["latency"])}
            for run in runs
        }
        everybody = dict.fromkeys(who for column in columns.values() for who in column)
        if everybody:
            rows = [
                [who, *(column.get(who, "") for column in columns.values())] for who in everybody
            ]
            heading = [f"{_known_as(bench, network)}, beside", *(f"`{board}`" for board in columns)]
            tables.append(markdown(heading, rows))
    return "\n\n".join(tables)


def _others(figure: dict[str, Any]) -> list[dict[str, Any]]:
    return [anchor for anchor in figure["anchors"] if anchor["source"] != SAME_RUN]


def _beside(anchor: dict[str, Any]) -> str:
    better = anchor["times_better"]
    if anchor["limit"]:
        return f"{100 * better:.0f} %" if better > 0.01 else f"{100 * better:.1g} %"
    return f"{amount(better)}x faster" if better >= 1 else f"{amount(1 / better)}x slower"


_SPEEDS = {
    "compile": ("compile, s", 1),
    "machine": ("machine, /s", 1),
    "numpy": ("NumPy, /s", 1),
    "cpp": ("TFLM-style C++, /s", 1),
    "rtl_speed": ("compiled RTL, million cycles/s", 1e-6),
}


def speeds() -> str:
    """What the computer did, for the first board's core."""
    bench = _bench()
    first = bench["boards"][0]["board"]
    rows = [
        [f"`{run['network']}`", *_speeds(run["figures"])]
        for run in _runs(bench)
        if run["board"] == first
    ]
    return markdown([f"network, on `{first}`", *(title for title, _ in _SPEEDS.values())], rows)


def _speeds(figures: dict[str, Any]) -> Iterator[str]:
    for key, (_, unit) in _SPEEDS.items():
        figure = figures.get(key)
        if figure is None or figure["value"] is None:
            yield ""
            continue
        scaled = {name: figure[name] * unit for name in ("value", "min", "max") if figure[name]}
        yield with_spread(figure if unit == 1 else {**figure, **scaled})


def computer(bench: dict[str, Any]) -> str:
    """What it was measured on, in lines that fit a page."""
    there = bench["computer"]
    tools = {name: version for board in bench["boards"] for name, version in board["tools"].items()}
    load = "" if there["load"] is None else f" at a load of {there['load']:g}"
    python = f"Python {there['python']}"
    return "\n".join(
        [
            f"Measured on {there['cores']} cores of {there['cpu']}{load}, {python},",
            f"NumPy {there['numpy']}, {there['compiler']};",
            *(f"{name} {version}," for name, version in sorted(tools.items())[:-1]),
            "{} {}.".format(*max(tools.items())),
        ]
    )
