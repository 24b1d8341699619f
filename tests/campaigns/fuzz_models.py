"""Spoils model files of both formats and holds the answers of those that are accepted to the
oracles'.

    python -m tests.campaigns.fuzz_models --seed 1 --count 20000 --results fuzz.jsonl

A spoilt file either is refused, in one report, or it is a network: then it compiles or is refused
with reasons, machine and reference answer alike, and their answer is the runtime's, bit for bit.
Whatever else happens is a fault, as are a case of more than 5 s or 1 GiB. ``--count`` is of files
that were accepted and answered by the oracle, too. Results are appended to a file, a line for each
case; the same command goes on where it was stopped. ``--case N`` tries one case again and writes
its file.
"""

import argparse
import json
import random
import re
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.campaigns.fuzzing import spoil_onnx, spoil_tflite, workers
from tests.campaigns.fuzzing.oracle_process import OracleProcess
from tests.campaigns.fuzzing.seeds import seeds
from tests.campaigns.fuzzing.values import spoilt_bytes
from tests.campaigns.fuzzing.verdicts import (
    ALONE,
    COMPILER,
    DIFFERS,
    EQUAL,
    LARGE,
    NEAR,
    READER,
    verdict,
)

STRUCTURE_SHARE = 0.9  # of cases that know the format; the rest spoils bytes
WAYS = {
    "tflite": (spoil_tflite.spoilt_fields,) * 3 + (spoil_tflite.spoilt_places,),
    "onnx": (spoil_onnx.spoilt_meaning,) * 3 + (spoil_onnx.spoilt_message,),
}
COMPARED = (EQUAL, NEAR, DIFFERS)
GOOD = (EQUAL, NEAR, ALONE, READER, COMPILER, LARGE)


def case(
    files: Mapping[str, Mapping[str, bytes]], seed: int, number: int
) -> tuple[str, bytes, str]:
    """The format and the bytes of a case, and of what it is made; the same each time."""
    rng = random.Random(f"{seed} {number}")
    format = rng.choice(sorted(files))
    name = rng.choice(sorted(files[format]))
    if rng.random() > STRUCTURE_SHARE:
        return format, spoilt_bytes(files[format][name], rng), f"{name}: bytes"
    data, fields = rng.choice(WAYS[format])(files[format][name], rng)
    return format, data, f"{name}: {fields}"


def trial(
    files: Mapping[str, Mapping[str, bytes]], seed: int, number: int, oracle: OracleProcess
) -> dict[str, Any]:
    """Try one case; the outcome as the results have it."""
    format, data, made = case(files, seed, number)
    found = verdict(format, data, oracle)
    return {"what": found.what, "format": format, "made": made, "detail": found.detail}


def recorded(path: Path | None, seed: int) -> dict[int, dict[str, Any]]:
    """Outcomes by number that earlier runs have written; a line cut off is no outcome."""
    found = {}
    for line in path.read_text().splitlines() if path and path.exists() else ():
        try:
            outcome = json.loads(line)
        except ValueError:
            continue
        if outcome.pop("seed") == seed:
            found[outcome.pop("number")] = outcome
    return found


def summary(outcomes: Mapping[int, Mapping[str, Any]]) -> str:
    """Counts of all outcomes, and one example of each kind of fault."""
    counts = Counter((o.get("format", ""), o["what"]) for o in outcomes.values())
    lines = [f"{count:8} {format:6} {what}" for (format, what), count in sorted(counts.items())]
    faults: dict[str, list[int]] = {}
    for number, outcome in sorted(outcomes.items()):
        if outcome["what"] not in GOOD:
            detail = re.sub(r"[-\d.e+]+", "#", outcome["detail"].split(": out")[0])
            faults.setdefault(f"{outcome['what']} {detail[:150]}", []).append(number)
    for kind, numbers in sorted(faults.items(), key=lambda item: -len(item[1])):
        lines.append(f"{len(numbers):8} {kind} (cases {', '.join(map(str, numbers[:4]))})")
    return "\n".join(lines)


def main() -> int:
    """Run cases until enough files were accepted. Returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(description="Spoil model files.")
    parser.add_argument("--seed", type=int, default=1, help="whose cases (%(default)s)")
    parser.add_argument("--count", type=int, default=300, help="files to accept (%(default)s)")
    parser.add_argument("--results", type=Path, help="lines of outcomes, to go on", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=1, help="processes (%(default)s)")
    parser.add_argument("--examples", type=int, default=3, help="seeds by operator (%(default)s)")
    parser.add_argument("--own", action="store_true", help="no third-party seeds")
    parser.add_argument("--case", type=int, help="only this one; writes its file", metavar="N")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # workers end, too
    files = seeds(options.examples, not options.own)
    if options.case is not None:
        return _one(files, options.seed, options.case)
    outcomes = recorded(options.results, options.seed)
    start, told = time.monotonic(), time.monotonic()
    fresh = _numbers(outcomes)
    accepted = sum(outcome["what"] in COMPARED for outcome in outcomes.values())
    if accepted < options.count:
        attempts = workers.tried(
            partial(trial, files, options.seed), warnings_are_errors, fresh, options.jobs
        )
        for number, outcome in attempts:
            outcomes[number] = outcome
            _append(options.results, {"seed": options.seed, "number": number, **outcome})
            accepted += outcome["what"] in COMPARED
            if outcome["what"] not in GOOD:
                print(f"case {number}: {outcome['what']} {outcome['detail']}", flush=True)
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(f"-- {len(outcomes)} cases, {accepted} compared", flush=True)
            if accepted >= options.count:
                break
    print(f"{len(outcomes)} cases, {accepted} compared, {time.monotonic() - start:.0f} s")
    print(summary(outcomes))
    return 1 if any(outcome["what"] not in GOOD for outcome in outcomes.values()) else 0


def _one(files: Mapping[str, Mapping[str, bytes]], seed: int, number: int) -> int:
    format, data, made = case(files, seed, number)
    path = Path(f"case_{seed}_{number}.{format}")
    path.write_bytes(data)
    oracle = OracleProcess()
    print(f"{path}, {made}")
    print(verdict(format, data, oracle))
    oracle.close()
    return 0


def warnings_are_errors() -> None:
    """What a library says on the terminal is no report of ours."""
    warnings.simplefilter("error")


def _numbers(done: Mapping[int, Any]) -> Iterator[int]:
    number = 0
    while True:
        number += 1
        if number not in done:
            yield number


def _append(path: Path | None, line: Mapping[str, Any]) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
