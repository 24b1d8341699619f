"""Place and route the cores that estimates are fitted to, and record them in
accel/estimate/builds.json.

    python examples/exploration/record_builds.py [NAME ...] [--seeds N]

Without names, those that are missing. ``HELD_OUT`` are never fitted to: `pytest
tests/estimate` holds the estimates against them.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from accel.estimate.records import BUILDS
from accel.target import resources
from accel.target.bitstream import build

UP5K, HX8K, ECP5_25F, ECP5_85F = "icebreaker", "ice40_hx8k_b_evn", "ulx3s_25f", "ulx3s_85f"
_BOOTH = {"element": "booth"}
_SMALL = {"rows": 4, "columns": 4, "requantizers": 1, "element": "multiplier"}

FITTED: dict[str, tuple[str, dict[str, Any]]] = {
    "up5k_2x2": (UP5K, {"rows": 2, "columns": 2}),
    "up5k_4x2_no_flash": (UP5K, {"columns": 2, "flash_lanes": 0}),
    "up5k_2x8_no_flash": (UP5K, {"rows": 2, "columns": 8, "flash_lanes": 0, "weight_steps": 1024}),
    # 20 products in a cycle where the DSPs make 16
    "up5k_4x5_mixed_no_flash": (
        UP5K,
        {"columns": 5, "element": "mixed", "dsps": 8, "flash_lanes": 0, "weight_steps": 1024},
    ),
    "up5k_2x4_booth": (UP5K, {"rows": 2, **_BOOTH}),
    "up5k_4x2_int4": (UP5K, {"columns": 2, "format": "int8_int4"}),
    "hx8k_2x2": (HX8K, {"rows": 2, "columns": 2}),
    "hx8k_2x4": (HX8K, {"rows": 2, "columns": 4}),
    "hx8k_2x4_2_requantizers": (HX8K, {"rows": 2, "columns": 4, "requantizers": 2}),
    "25f_4x4": (ECP5_25F, {**_SMALL}),
    "25f_4x4_booth_2_requantizers": (ECP5_25F, {**_SMALL, **_BOOTH, "requantizers": 2}),
    "25f_2x8_booth": (ECP5_25F, {**_SMALL, **_BOOTH, "rows": 2, "columns": 8}),
    "85f_8x4": (ECP5_85F, {"rows": 8, "columns": 4, "requantizers": 1}),
    "85f_8x8_4_requantizers": (ECP5_85F, {"rows": 8, "columns": 8, "requantizers": 4}),
}

HELD_OUT: dict[str, tuple[str, dict[str, Any]]] = {
    "up5k_2x4": (UP5K, {"rows": 2}),
    "up5k_4x4_no_flash": (UP5K, {"flash_lanes": 0}),
    "hx8k_4x2": (HX8K, {"columns": 2}),
    "25f_4x4_booth": (ECP5_25F, {**_SMALL, **_BOOTH}),
    "25f_4x6": (ECP5_25F, {**_SMALL, "columns": 6}),
    "85f_8x8_2_requantizers": (ECP5_85F, {"rows": 8, "columns": 8, "requantizers": 2}),
}


def read() -> dict[str, Any]:
    """The records by name."""
    return json.loads(BUILDS.read_text()) if BUILDS.exists() else {}


def record(name: str, seeds: range) -> dict[str, Any]:
    """Build one and return what the estimates need of its report."""
    board, changes = (FITTED | HELD_OUT)[name]
    from accel import boards

    found = boards.get(board)
    with tempfile.TemporaryDirectory() as folder:
        config = resources.configure(found, **changes)
        report = build(found, Path(folder) / name, config=config, seeds=seeds).report
    return {
        "device": report["device"],
        "configuration": report["configuration"],
        "used": {n: use["used"] for n, use in report["utilization"].items() if use["used"]},
        "fmax_mhz": {"seeds": report["fmax_mhz"]["seeds"]},
        "held_out": name in HELD_OUT,
        "tools": {tool["name"]: tool["version"] for tool in report["tools"]},
    }


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    for name in options.names or [n for n in FITTED | HELD_OUT if n not in read()]:
        made = record(name, range(1, options.seeds + 1))
        # Read anew, for another one may have been recorded meanwhile.
        new = BUILDS.with_suffix(".new")
        new.write_text(json.dumps(dict(sorted({**read(), name: made}.items())), indent=1) + "\n")
        new.replace(BUILDS)
        print(f"{name}: {made['used']}, {made['fmax_mhz']['seeds']}", flush=True)


if __name__ == "__main__":
    main()
