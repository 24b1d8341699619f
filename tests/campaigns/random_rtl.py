"""Random networks of small layers in compiled RTL, on the cores of all boards and on ten odd
shapes.

python -m tests.campaigns.random_rtl --count 10000 --jobs 2

All stored tensors of the machine and of RTL are compared with the reference's, and all four
counters of each layer with the cycle model's. Whatever differs, or fails, is printed and kept. What
is done is kept in a file as it comes, so the same command goes on where it was stopped; begin with
another ``--results``, or ``--again``, once sources have changed. A process needs about 0.1 s for a
network, and once for each core up to a minute to compile its simulator.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from rich.progress import Progress

from accel.compiler.ir.graph import Graph
from accel.config import AcceleratorConfig
from accel.flow.cache.store import cache_root
from tests.support.networks.tflite.operators import SEEDS
from tests.support.networks.tflite.small import small_networks
from tests.support.networks.tflite.typical import networks
from tests.support.rtl.bench import Outcome, RtlBench
from tests.support.rtl.cores import SMALL_BANK_WORDS, all_cores

BATCH = 20  # networks of a core, one drawn after another


@dataclass(frozen=True)
class Batch:
    """Networks that are drawn together: the same ones each time."""

    core: str
    seed: int
    number: int

    @property
    def key(self) -> str:
        return f"{self.core} / seed {self.seed} / batch {self.number}"


@cache
def bench(core: str) -> RtlBench:
    """The core's simulator, once for each process."""
    return RtlBench(all_cores()[core])


def run_batch(batch: Batch, count: int = BATCH) -> Outcome:
    """Draw the networks of a batch and hold each of them; a fault says which one it is."""
    core, outcome = bench(batch.core), Outcome()

    @seeded(crc32(batch.key.encode()))
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_graphs(core.config), SEEDS)
    def draw(graph, stimulus):
        index = outcome.counts["networks"]
        if index < count:
            found = core.hold(graph, stimulus)
            found.faults = [f"{batch.key} / network {index}: {fault}" for fault in found.faults]
            outcome.add(found)

    draw()
    return outcome


def _graphs(config: AcceleratorConfig) -> st.SearchStrategy[Graph]:
    """What is drawn for a core: where there is a flash and little memory, larger networks, too, so
    that layers are streamed."""
    small = small_networks(config)
    streams = config.flash_lanes and config.bank_words == SMALL_BANK_WORDS
    return small | networks(2, 6) if streams else small


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
                self.done[entry["batch"]] = Outcome.from_dict(entry["outcome"])
            except (ValueError, KeyError, TypeError):
                continue

    def add(self, batch: Batch, outcome: Outcome) -> None:
        line = json.dumps({"batch": batch.key, "outcome": outcome.as_dict()})
        with self.path.open("ab") as file:  # after what a stop may have cut off
            file.write(b"\n" + line.encode() + b"\n")
        self.done[batch.key] = outcome


def batches(cores: list[str], seed: int, count: int) -> list[Batch]:
    """So many that the cores in turn come to ``count`` networks."""
    return [
        Batch(cores[index % len(cores)], seed, index // len(cores))
        for index in range(-(-count // BATCH))
    ]


def chosen(patterns: list[str]) -> list[str]:
    """The names of cores that contain one of some texts; all if there are none."""
    names = [name for name in all_cores() if not patterns or any(p in name for p in patterns)]
    if not names:
        raise SystemExit(f"Core must be one of {', '.join(all_cores())}, not {patterns}")
    return names


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


def summary(total: Outcome, by_core: dict[str, Outcome], seconds: float) -> str:
    counts, names = total.counts, ("elements", "counters")
    compared = [f"{counts[n]:,} {n}, {counts[f'{n} that differ']:,} differ" for n in names]
    reached = ", ".join(f"{count:,} {name}" for name, count in total.reached.most_common())
    cores = [
        f"  {o.counts['run']:6,} of {o.counts['networks']:6,} run, {len(o.faults)} faults: {name}"
        for name, o in by_core.items()
    ]
    lines = [
        f"{counts['networks']:,} networks on {len(by_core)} cores, {counts['run']:,} run",
        f"{counts['refused']:,} refused, {counts['without a layer on the core']:,} without a layer",
        "; ".join(compared),
        f"{counts['layers']:,} layers: {reached}",
        *(f"  {count:6,} refused: {what}" for what, count in total.refused.most_common(12)),
        *cores,
        f"{len(total.faults)} faults, {seconds:.0f} s",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="networks (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (%(default)s)")
    parser.add_argument(
        "--core",
        action="append",
        default=[],
        help="only cores whose name contains this: a board, a shape as 8x16; may be repeated",
    )
    default = cache_root() / "campaigns" / "random_rtl.jsonl"
    parser.add_argument("--results", type=Path, default=default, help="(%(default)s)")
    parser.add_argument("--again", action="store_true", help="forget the results that are there")
    options = parser.parse_args()

    results, begun = Results(options.results, options.again), time.monotonic()
    wanted = batches(chosen(options.core), options.seed, options.count)
    left = [batch for batch in wanted if batch.key not in results.done]
    with Progress(transient=True) as bar:
        task = bar.add_task("networks", total=len(wanted) * BATCH)
        bar.update(task, advance=(len(wanted) - len(left)) * BATCH)
        for batch, outcome in outcomes(left, options.jobs):
            results.add(batch, outcome)
            bar.update(task, advance=BATCH)
            for fault in outcome.faults:
                print(fault, flush=True)
            if not bar.console.is_terminal:  # a log has no bar
                print(f"{len(results.done)} batches kept, the last of {batch.core}", flush=True)

    total, by_core = Outcome(), {}
    for batch in wanted:
        total.add(results.done[batch.key])
        by_core.setdefault(batch.core, Outcome()).add(results.done[batch.key])
    print(summary(total, by_core, time.monotonic() - begun))
    return 0 if total.right else 1


if __name__ == "__main__":
    sys.exit(main())
