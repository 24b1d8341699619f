"""Random output channels that no exact division is found for.

python -m tests.campaigns.random_channels --count 100000 --jobs 2

Channels are drawn for each length of the dot product and each contract: weights of several spreads,
zero points, clamps and biases, and from 10 to 2**25 sums to a code. Of ``tflm`` and ``single``
every channel must be proved. Of ``onnx`` some are not; of these a few in each batch get their
nearest division, and it is told at which share of their sums it is off, and by how many codes. What
is proved is compared with the contract at random sums, too. What is done is kept in a file as it
comes, so the same command goes on where it was stopped; begin with another ``--results``, or
``--again``, once sources have changed. A thousand channels take about a second.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np
from rich.progress import Progress
from rich.table import Table

from accel.flow.cache.store import cache_root
from accel.numeric.division.constants import fit_records
from accel.numeric.division.nearest import ALLOWED_CODES, ALLOWED_SHARE, nearest_division
from accel.numeric.division.solver import solve
from accel.numeric.rounding import float_multiplier, quantize_multiplier
from accel.numeric.rules.rules import Rescale

TERMS = (64, 576, 1000, 4000)
CONTRACTS = ("tflm", "single", "onnx")
LEAST_WIDTH, MOST_WIDTH = 10.0, 2.0**25  # sums to a code
BATCH = 250  # channels, of one layer: they share zero points and clamp
NEAREST = 4  # nearest divisions that are looked for in a batch
_DRAWN = 64  # weights that stand for all of a channel
_SUMS = 200  # of each channel that are compared


@dataclass(frozen=True)
class Batch:
    """Channels that are drawn together: the same ones each time."""

    terms: int
    contract: str
    seed: int
    number: int

    @property
    def key(self) -> str:
        return f"{self.contract} / {self.terms} terms / seed {self.seed} / batch {self.number}"


@dataclass
class Outcome:
    """What was found of some channels; ``shares`` of nearest divisions are of a channel's sums."""

    channels: int = 0
    unproved: int = 0
    nearest: int = 0
    far: int = 0
    worst_codes: int = 0
    worst_share: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        for name in ("channels", "unproved", "nearest", "far", "faults"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("worst_codes", "worst_share"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))


@dataclass(frozen=True)
class Question:
    """The arguments of `solve` for a layer."""

    rule: Rescale
    bias: np.ndarray
    least: np.ndarray
    greatest: np.ndarray

    @property
    def arguments(self) -> tuple[Rescale, np.ndarray, np.ndarray, np.ndarray]:
        return self.rule, self.bias, self.least, self.greatest

    def __str__(self) -> str:
        """Of one channel alone: the code that asks it again."""
        r = self.rule
        sums = f"[{self.bias[0]}], [{self.least[0]}], [{self.greatest[0]}]"
        fixed = f"np.array([{r.multiplier[0]}]), np.array([{r.shift[0]}])"
        rule = f"Rescale({r.contract!r}, {fixed}, {r.zero_point}, {r.low}, {r.high})"
        return f"solve({rule}, {sums}, ties=True)"

    def channel(self, index: int) -> "Question":
        one = [index]
        sums = (self.bias[one], self.least[one], self.greatest[one])
        return Question(self.rule.take(one), *sums)


def drawn(batch: Batch) -> Question:
    """The channels of a batch."""
    random = np.random.default_rng(crc32(batch.key.encode()))
    least, greatest = _sums(random, batch.terms)
    widths = 2 ** random.uniform(np.log2(LEAST_WIDTH), np.log2(MOST_WIDTH), BATCH)
    if batch.contract == "onnx":
        pairs = [float_multiplier(1 / width, 1.0, 1.0) for width in widths]
    else:
        pairs = [quantize_multiplier(1 / width) for width in widths]
    multiplier, shift = np.array(pairs, np.int64).T
    low = int(random.choice([-128, -128, -128, random.integers(-128, 64)]))
    high = int(random.choice([127, 127, 127, random.integers(low + 1, 128)]))
    zero_point = int(random.choice([-128, 0, random.integers(-128, 128)]))
    rule = Rescale(batch.contract, multiplier, shift, zero_point, low, high)
    reach = np.minimum((greatest - least) / 4, widths * random.choice([0.3, 40, 128]))
    bias = (random.normal(0, 1, BATCH) * reach).astype(np.int64)
    return Question(rule, bias, least, greatest)


def _sums(random: np.random.Generator, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest sum of channels of 8-bit weights over codes of 8 bits."""
    many = min(terms, _DRAWN)
    shape = (BATCH, many)
    weights = (
        random.integers(-127, 128, shape),
        np.clip(random.normal(0, 40, shape), -127, 127),
        np.clip(random.laplace(0, 20, shape), -127, 127),
    )
    kind, size = random.integers(0, 3, BATCH), random.choice([1.0, 0.5, 0.15], BATCH)
    weight = np.rint(np.choose(kind[:, None], weights) * size[:, None])
    above, below = (np.maximum(w, 0).sum(axis=1) * terms // many for w in (weight, -weight))
    zero = int(random.choice([-128, 0, random.integers(-128, 128)]))
    low, high = -128 - zero, 127 - zero
    ends = above * low - below * high, above * high - below * low
    return ends[0].astype(np.int64), ends[1].astype(np.int64)


def run_batch(batch: Batch) -> Outcome:
    """Solve the channels of a batch, and compare what is proved with its contract."""
    question = drawn(batch)
    solution = solve(*question.arguments, ties=True)
    division, open_ = solution.division, np.flatnonzero(~solution.proved)
    outcome = Outcome(channels=BATCH, unproved=len(open_))
    random = np.random.default_rng(batch.number)
    sums = random.integers(question.least, question.greatest + 1, (_SUMS, BATCH))
    same = (division.compute(sums) == question.rule.compute(sums + question.bias)).all(axis=0)
    fits = fit_records(division.divisor, division.offset, division.offset_negative)
    wrong = solution.proved & ~(same & fits)
    places = [(int(c), "proved, but differs") for c in np.flatnonzero(wrong)]
    if batch.contract != "onnx":
        places += [(int(c), "not proved") for c in open_]
    else:
        _add_nearest(outcome, question, open_[:NEAREST])
    outcome.faults += [f"{batch.key}: {what}: {question.channel(c)}" for c, what in places]
    return outcome


def _add_nearest(outcome: Outcome, question: Question, channels: np.ndarray) -> None:
    for channel in map(int, channels):
        one = question.channel(channel).arguments
        found = nearest_division(*one, solve(*one, ties=True))
        outcome.nearest += 1
        if found is None:
            outcome.far += 1
            continue
        share = found.differing[0] / (one[3][0] - one[2][0] + 1)
        outcome.far += bool(found.worst[0] > ALLOWED_CODES or share > ALLOWED_SHARE)
        outcome.worst_codes = max(outcome.worst_codes, int(found.worst[0]))
        outcome.worst_share = max(outcome.worst_share, float(share))


class Results:
    """A file with a line of JSON for each batch that is done; lines that make no sense are
    passed."""

    def __init__(self, path: Path, again: bool = False):
        self.path, self.done = path, {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if again:
            path.unlink(missing_ok=True)
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                entry = json.loads(line)
                self.done[entry["batch"]] = Outcome(**entry["outcome"])
            except (ValueError, KeyError, TypeError):
                continue

    def add(self, batch: Batch, outcome: Outcome) -> None:
        line = json.dumps({"batch": batch.key, "outcome": asdict(outcome)})
        with self.path.open("ab") as file:  # after what a stop may have cut off
            file.write(b"\n" + line.encode() + b"\n")
        self.done[batch.key] = outcome


def batches(count: int, seed: int, contracts: list[str], terms: list[int]) -> list[Batch]:
    """So many that each length and contract comes to ``count`` channels, all in turn."""
    numbers = range(-(-count // BATCH))
    return [Batch(t, c, seed, number) for number in numbers for t in terms for c in contracts]


def outcomes(left: list[Batch], jobs: int) -> Iterator[tuple[Batch, Outcome]]:
    """What becomes of batches, as they are done."""
    if jobs == 1:
        for batch in left:
            yield batch, run_batch(batch)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {pool.submit(run_batch, batch): batch for batch in left}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def summary(wanted: list[Batch], done: dict[str, Outcome]) -> Table:
    """A row for each length and contract."""
    table = Table("terms", "contract", "channels", "unproved", "nearest", "far", "codes", "share")
    cells: dict[tuple[int, str], Outcome] = {}
    for batch in wanted:
        cells.setdefault((batch.terms, batch.contract), Outcome()).add(done[batch.key])
    for (terms, contract), o in sorted(cells.items()):
        counts = (f"{n:,}" for n in (o.channels, o.unproved, o.nearest, o.far, o.worst_codes))
        table.add_row(f"{terms:,}", contract, *counts, f"{100 * o.worst_share:.3g} %")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000, help="channels a cell (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (%(default)s)")
    parser.add_argument("--contract", action="append", choices=CONTRACTS, help="only these")
    parser.add_argument("--terms", action="append", type=int, help="only these")
    default = cache_root() / "campaigns" / "random_channels.jsonl"
    parser.add_argument("--results", type=Path, default=default, help="(%(default)s)")
    parser.add_argument("--again", action="store_true", help="forget the results that are there")
    options = parser.parse_args()

    results, begun = Results(options.results, options.again), time.monotonic()
    contracts, terms = options.contract or list(CONTRACTS), options.terms or list(TERMS)
    wanted = batches(options.count, options.seed, contracts, terms)
    left = [batch for batch in wanted if batch.key not in results.done]
    with Progress(transient=True) as bar:
        task = bar.add_task("channels", total=len(wanted) * BATCH)
        bar.update(task, advance=(len(wanted) - len(left)) * BATCH)
        for number, (batch, outcome) in enumerate(outcomes(left, options.jobs)):
            results.add(batch, outcome)
            bar.update(task, advance=BATCH)
            for fault in outcome.faults:
                print(fault, flush=True)
            if not bar.console.is_terminal and number % 100 == 0:  # a log has no bar
                print(f"{len(results.done):,} batches kept", flush=True)
        bar.console.print(summary(wanted, results.done))
    faults = sum(len(results.done[batch.key].faults) for batch in wanted)
    print(f"{faults} faults, {time.monotonic() - begun:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
