"""Runs random networks in which the driver computes between layers of the core; holds each to
TFLite Micro.

python -m tests.campaigns.driver_segments --count 500 --seed 1 --executors machine,rtl
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import track

import accel
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.frontends.tflite.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.tflite.segmented import Sequence
from tests.support.oracles.tflm import tflm

CORES = {
    "plain": AcceleratorConfig(bank_words=4096),
    "flash": AcceleratorConfig(bank_words=1024, flash_lanes=4),
}
SAMPLES = 3


@dataclass
class Tally:
    """What became of networks: how many ran in how many segments, in how many weights are copied
    from flash, in how many of these while the last layer of a segment runs, what was refused."""

    segments: Counter[int] = field(default_factory=Counter)
    copied: int = 0
    ahead: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        ran = ", ".join(f"{n} in {count}" for count, n in sorted(self.segments.items()))
        refused = "".join(f"\n  {n} refused: {why}" for why, n in self.refused.most_common())
        return (
            f"networks by segments: {ran}; {self.copied} with DMA transfers, {self.ahead} of them "
            f"across a border{refused}"
        )


def attempt(seed: int, core: str, tally: Tally, executors: tuple[str, ...] = ("machine",)) -> None:
    """Run the network of this number on every executor and from its program file."""
    drawn = Sequence(seed, wide=core == "flash")
    data, inputs = drawn.bytes(), drawn.samples(SAMPLES)
    answers = tflm(data, inputs)
    graph = read(data, f"{seed}.tflite")
    try:
        program = accel.compile(graph, config=CORES[core])
    except (CannotCompile, DoesNotFit) as refusal:
        tally.refused[str(refusal)[:100]] += 1
        return
    expected = answers if isinstance(answers, dict) else {graph.outputs[0]: answers}
    with program, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.bin"
        program.save(file)
        for executor in ("reference", *executors):
            _same(seed, executor, program.run(inputs, executor).outputs, expected)
        _same(seed, "program file", accel.open(file).run(inputs).outputs, expected)
        for executor in executors:
            found = [answer.outputs for answer in program.stream(_singly(inputs), executor)]
            together = {name: np.concatenate([one[name] for one in found]) for name in expected}
            _same(seed, f"{executor}, streamed", together, expected)
    code = program.code
    assert len(program.timing("icebreaker").crossings_ms) == len([r for r in code.runs if r]) - 1
    tally.segments[len(code.runs)] += 1
    tally.copied += any(code.transfers)
    tally.ahead += any(code.transfers[end - 1] for end in code.starts[1:] if end)


def _singly(inputs: np.ndarray) -> list[np.ndarray]:
    return [inputs[index : index + 1] for index in range(len(inputs))]


def _same(seed: int, who: str, found: dict, expected: dict) -> None:
    for name, wanted in expected.items():
        differing = int((found[name] != wanted).sum())
        assert not differing, f"network {seed}, {who}: {differing} elements of {name} differ"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--executors", default="machine")
    given = parser.parse_args()
    tally = Tally()
    for number in track(range(given.count), description="networks"):
        core = ("plain", "flash")[number % 2]
        attempt(given.seed * 1_000_000 + number, core, tally, tuple(given.executors.split(",")))
    print(tally)


if __name__ == "__main__":
    main()
