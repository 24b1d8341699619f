"""Keeps what compiling all shared models makes, and compares it with what it makes now.

A change that must not change results is held to the record of the commit before it:

    python -m tests.campaigns.baseline record build/baseline.json
    python -m tests.campaigns.baseline compare build/baseline.json

For each model and board the record has the exit code of ``accel compile``, digests of
``program.bin`` and ``layers.json``, the cycles, and the text of a refusal. Texts that differ are
shown and counted apart from programs that differ; only ``--texts`` makes them a failure.
"""

import argparse
import concurrent.futures
import contextlib
import hashlib
import json
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "../shared/data/models"
BOARDS = ("icebreaker", "ice40_hx8k_b_evn", "ulx3s_25f", "orangecrab_r0_2_25f", "ulx3s_85f")


def models() -> list[Path]:
    """All shared model files."""
    return sorted(p for p in DATA.rglob("*") if p.suffix in (".tflite", ".onnx"))


def outcome(model: Path, board: str) -> dict:
    """What ``accel compile`` makes of a model for a board."""
    from typer.testing import CliRunner

    from accel.cli import app

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "program"
        result = CliRunner().invoke(app, ["compile", str(model), "--board", board, "-o", str(made)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            kind = type(result.exception).__name__
            return {"exit": result.exit_code, "refusal": f"{kind}: {result.exception}"}
        if result.exit_code:
            return {"exit": result.exit_code, "refusal": result.output}
        layers = (made / "layers.json").read_bytes()
        return {
            "exit": 0,
            "program": hashlib.sha256((made / "program.bin").read_bytes()).hexdigest(),
            "layers": hashlib.sha256(layers).hexdigest(),
            "cycles": json.loads(layers)["cycles"],
        }


def record(boards: tuple[str, ...], jobs: int) -> dict[str, dict]:
    """All outcomes by ``MODEL @ BOARD``."""
    pairs = [(model, board) for model in models() for board in boards]
    found = {}
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(outcome, *pair): pair for pair in pairs}
        for done in concurrent.futures.as_completed(waiting):
            model, board = waiting[done]
            found[f"{model.relative_to(DATA)} @ {board}"] = done.result()
            print(f"\r{len(found)} of {len(pairs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return dict(sorted(found.items()))


def compare(before: dict[str, dict], after: dict[str, dict]) -> tuple[list[str], list[str]]:
    """Lines on what differs in programs, layers and exit codes, and on texts of refusals."""
    differing, texts = [], []
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            differing.append(f"{name}: only in {'the record' if other is None else 'this run'}")
            continue
        for key in sorted({*one, *other} - {"refusal"}):
            if one.get(key) != other.get(key):
                differing.append(f"{name}: {key} was {one.get(key)}, is {other.get(key)}")
        if one.get("refusal") != other.get("refusal"):
            texts.append(f"{name}:\n  was {one.get('refusal')}\n  is  {other.get('refusal')}")
    return differing, texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["record", "compare"])
    parser.add_argument("file", type=Path, help="the record")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--boards", nargs="*", default=BOARDS, help="boards to compile for")
    parser.add_argument("--texts", action="store_true", help="other refusals are a failure, too")
    options = parser.parse_args()
    found = record(tuple(options.boards), options.jobs)
    if options.action == "record":
        options.file.parent.mkdir(parents=True, exist_ok=True)
        options.file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{len(found)} outcomes written to {options.file}")
        return
    differing, texts = compare(json.loads(options.file.read_text()), found)
    with contextlib.suppress(BrokenPipeError):
        print("\n".join([*differing, *texts]))
        print(f"{len(found)} outcomes: {len(differing)} differ, {len(texts)} texts differ")
    sys.exit(bool(differing or (texts and options.texts)))


if __name__ == "__main__":
    main()
