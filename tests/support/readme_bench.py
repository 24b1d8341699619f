"""The README's tables of boards/bench.json, which ``accel bench --json`` writes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from accel.cli._bench_tables import amount, with_spread

BENCH = Path(__file__).resolve().parents[2] / "boards" / "bench.json"
SAME_RUN = "the same run"
Rows = tuple[list[str], Iterable[list[str]]]


def results() -> Rows:
    """Heading and rows: every network that runs, on every board that was measured."""
    bench = json.loads(BENCH.read_text())
    clocks = {board["board"]: board for board in bench["boards"]}
    heading = ["network", "board", "cycles, model", "RTL", "MAC/cycle", "of peak"]
    heading += ["ms at median Fmax", "uJ", "latency beside"]
    return heading, [
        _result(run, clocks[run["board"]], bench) for run in bench["runs"] if run["runs"]
    ]


def _result(run: dict[str, Any], board: dict[str, Any], bench: dict[str, Any]) -> list[str]:
    figures = run["figures"]
    (network,) = (n for n in bench["networks"] if n["network"] == run["network"])
    known = f", {network['known_as']}" if network["known_as"] else ""
    counted = figures["rtl_cycles"]["value"]
    same = (
        "" if counted is None else "equal" if counted == figures["cycles"]["value"] else "differs"
    )
    joule = figures["energy"]["value"]
    fmax = board["figures"]["fmax"]
    seeds = f"{fmax['samples']} seed{'s' * (fmax['samples'] > 1)}"
    return [
        f"`{run['network']}`{known}",
        f"`{run['board']}`",
        amount(figures["cycles"]["value"]),
        same,
        amount(figures["macs_per_cycle"]["value"]),
        f"{amount(figures['share_of_peak']['value'])} %",
        f"{amount(figures['latency']['value'])} at {with_spread(fmax)} MHz, {seeds}",
        "" if joule is None else amount(joule),
        "; ".join(_beside(anchor) for anchor in _others(figures["latency"])),
    ]


def _others(figure: dict[str, Any]) -> list[dict[str, Any]]:
    return [anchor for anchor in figure["anchors"] if anchor["source"] != SAME_RUN]


def _beside(anchor: dict[str, Any]) -> str:
    better = anchor["times_better"]
    if anchor["limit"]:
        return f"{100 * better:.0f} % of the {anchor['who']}"
    faster = f"{amount(better)}x faster" if better >= 1 else f"{amount(1 / better)}x slower"
    return f"{faster} than {anchor['who']}"


def speeds() -> Rows:
    """Heading and rows: what the computer did, for the first board's core."""
    bench = json.loads(BENCH.read_text())
    first = bench["boards"][0]["board"]
    keys = {
        "compile": "compile, s",
        "machine": "machine, /s",
        "numpy": "NumPy, /s",
        "cpp": "TFLM-style C++, /s",
        "rtl_speed": "compiled RTL, cycles/s",
    }
    rows = [
        [f"`{run['network']}`", *(_speed(run["figures"].get(key)) for key in keys)]
        for run in bench["runs"]
        if run["runs"] and run["board"] == first
    ]
    return [f"network, `{first}`'s core", *keys.values()], rows


def _speed(figure: dict[str, Any] | None) -> str:
    return "" if figure is None or figure["value"] is None else with_spread(figure)


def computer() -> str:
    """What it was measured on."""
    bench = json.loads(BENCH.read_text())
    there = bench["computer"]
    tools = {name: version for board in bench["boards"] for name, version in board["tools"].items()}
    versions = ", ".join(f"{name} {version}" for name, version in sorted(tools.items()))
    load = "" if there["load"] is None else f" at a load of {there['load']:g}"
    return (
        f"Measured on {there['cores']} cores of {there['cpu']}{load}, Python {there['python']}, "
        f"NumPy {there['numpy']}, {there['compiler']}; {versions}."
    )
