"""Place and route boards' default cores and record what came out, in boards/results.json.

    python examples/boards/place_and_route.py [BOARD ...] [--seeds N] [--keep DIR]

Without boards, those whose record is missing or of another core, device or clock. The table of
results in boards/README.md is made from the records: `pytest tests/test_documents.py
--update-golden`.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from accel import boards
from accel.target.bitstream import build
from accel.target.resources import is_of

RESULTS = Path(__file__).resolve().parents[2] / "boards" / "results.json"


def read() -> dict[str, Any]:
    """The records by board."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def record(name: str, seeds: range, folder: Path) -> dict[str, Any]:
    """Build a board's default core and return what is worth keeping of its report."""
    report = build(name, folder, seeds=seeds).report
    used = {what: use for what, use in report["utilization"].items() if use["used"]}
    return {
        "device": report["device"],
        "configuration": report["configuration"],
        "clock_mhz": report["clock_mhz"],
        "timing_met": report["timing_met"],
        "fmax_mhz": report["fmax_mhz"],
        "best_seed": report["best_seed"],
        "used": {what: use["used"] for what, use in used.items()},
        "critical_path": report["critical_path"] and report["critical_path"]["words"],
        "tools": {tool["name"]: tool["version"] for tool in report["tools"]},
    }


def stale(results: dict[str, Any]) -> list[str]:
    """Boards whose record is not of what they are now."""
    return [
        name
        for name, board in boards.BOARDS.items()
        if name not in results or not is_of(results[name], board)
    ]


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("boards", nargs="*", metavar="BOARD")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the bitstreams")
    options = parser.parse_args()

    for name in options.boards or stale(read()):
        with tempfile.TemporaryDirectory() as scratch:
            folder = (options.keep or Path(scratch)) / name
            made = record(name, range(1, options.seeds + 1), folder)
        # Read anew, for another board may have been recorded meanwhile.
        results = dict(sorted({**read(), name: made}.items()))
        new = RESULTS.with_suffix(".new")
        new.write_text(json.dumps(results, indent=1) + "\n")
        new.replace(RESULTS)
        fmax = made["fmax_mhz"]["signed_off"]
        print(f"{name}: {fmax:.1f} MHz for {made['clock_mhz']:g}, {made['used']}", flush=True)


if __name__ == "__main__":
    main()
