"""Changes operators, constants and conditions at random places, and sees whether a test notices.

    python -m tests.campaigns.mutants --seed 1 --count 100
    python -m tests.campaigns.mutants --seed 1 --case 17       # shows one, and what becomes of it

Each mutant is one change in one file, drawn by the seed over all rooms. The tests of the file run
first, then those that import it, its room's, and some that run whole networks; a mutant is caught
when one fails or does not end. Results are kept in ``--results``, so that an interrupted run goes
on. In the end, the tests that caught something run on the unchanged sources, where they must pass.

A mutant that no test can notice is listed in ``mutating/equivalent.toml`` with the reason, and does
not count.
"""

import argparse
import difflib
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from tests.support.toml import tomllib

from .mutating.changes import Mutant
from .mutating.spoiled import ROOT, UNFINISHED, Copy, Verdict, every_mutant, stages

SECONDS = 600  # for the tests of a mutant
_SHOWN = 100  # characters of a change in a list


def drawn(seed: int, count: int) -> list[Mutant]:
    """``count`` mutants: rooms in proportion to what can be changed in them."""
    every = list(every_mutant())
    random.Random(seed).shuffle(every)
    return every[:count]


def equivalent() -> dict[str, str]:
    """The reasons why mutants are none, by their names."""
    listed = tomllib.loads((ROOT / "tests/campaigns/mutating/equivalent.toml").read_text())
    return {
        f"{m['file']} {m['scope']} {m.get('ordinal', 1)}: {m['before']} -> {m['after']}": m[
            "reason"
        ]
        for m in listed.get("mutant", [])
    }


class Results:
    """What became of mutants, kept in a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        known = json.loads(path.read_text()) if path and path.exists() else {}
        verdicts = {name: Verdict(**verdict) for name, verdict in known.items()}
        # Those that there was no time for are looked at again.
        self.known = {name: one for name, one in verdicts.items() if one.how != UNFINISHED}

    def keep(self, name: str, verdict: Verdict) -> None:
        self.known[name] = verdict
        self.save()

    def save(self) -> None:
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(".new")
            known = {name: asdict(verdict) for name, verdict in self.known.items()}
            new.write_text(json.dumps(known, indent=1) + "\n")
            new.replace(self.path)


def judged(
    mutants: list[Mutant], results: Results, folder: Path, jobs: int = 1, seconds: float = SECONDS
) -> Iterator[Mutant]:
    """Judge what is not known yet; mutants come as they are done."""
    left = [mutant for mutant in mutants if mutant.name not in results.known]
    copies: SimpleQueue[Copy] = SimpleQueue()
    for number in range(min(jobs, len(left))):
        copies.put(Copy(folder / str(number)))

    def judge(mutant: Mutant) -> tuple[Mutant, Verdict]:
        copy = copies.get()
        try:
            return mutant, copy.judge(mutant, seconds)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(jobs) as pool:
        for mutant, verdict in pool.map(judge, left):
            results.keep(mutant.name, verdict)
            yield mutant


def failing_anyway(mutants: list[Mutant], results: Results, folder: Path) -> set[str]:
    """The tests that caught a mutant and fail without one."""
    tests = {results.known[mutant.name].test for mutant in mutants}
    left, failing = sorted(test for test in tests if test and test != "collection"), set()
    copy = Copy(folder / "unchanged")
    while left and (failure := copy.failure(left, 3600)):
        failing.add(failure[0])
        left = [test for test in left if test != failure[0]]
    return failing


def difference(mutant: Mutant) -> str:
    before = (ROOT / mutant.path).read_bytes()
    texts = [data.decode().splitlines() for data in (before, mutant.applied(before))]
    return "\n".join(difflib.unified_diff(*texts, mutant.path, mutant.path, lineterm="", n=3))


def _shown(mutant: Mutant) -> str:
    before, after = (" ".join(text.split()) for text in (mutant.before, mutant.after))
    return f"{mutant.path}:{mutant.line} {before[:_SHOWN]} -> {after[:_SHOWN]}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--case", type=int, help="only this one, with what it changes")
    parser.add_argument("--room", default="", help="only files whose path begins with this")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for a mutant's tests")
    parser.add_argument("--results", type=Path, help="file to keep results in and to go on from")
    return parser.parse_args()


def main() -> None:
    options = _options()
    reasons = equivalent()
    count = options.case or options.count
    chosen = [m for m in drawn(options.seed, count) if m.path.startswith(options.room)]
    if options.case:
        chosen = chosen[-1:]
        print(difference(chosen[0]), *stages(chosen[0].path), sep="\n", flush=True)
    path = options.results or ROOT / "build" / f"mutants-{options.seed}.json"
    results = Results(None if options.case else path)
    counted = [mutant for mutant in chosen if mutant.name not in reasons]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        done = judged(counted, results, folder, options.jobs, options.seconds)
        for number, mutant in enumerate(done, 1):
            print(f"{number} {_shown(mutant)}: {results.known[mutant.name]}", flush=True)
        wrong = failing_anyway(counted, results, folder)
    for test in sorted(wrong):
        print(f"fails without any change, so that it catches nothing: {test}")
    caught = 0
    print()
    for number, mutant in enumerate(chosen, 1):
        if mutant.name in reasons:
            print(f"equivalent {number}: {_shown(mutant)}: {reasons[mutant.name]}")
            continue
        verdict = results.known[mutant.name]
        noticed = verdict.test is not None and verdict.test not in wrong
        caught += noticed
        if not noticed:
            print(f"not caught {number}: {_shown(mutant)}: {verdict}")
    print(f"seed {options.seed}: caught {caught} of {len(counted)}")
    sys.exit(caught < 0.9 * len(counted))


if __name__ == "__main__":
    main()
