"""Holds single ONNX operators over all their fields to ONNX Runtime, at its highest level or at
none.

Every element of every output must be equal at one of the two levels, on the reference and on the
machine. What is refused is counted by its reason. With ``--store`` a stopped campaign goes on where
it was.

python -m tests.campaigns.single_operators_onnx --count 3000 --seed 1 --store FILE
"""

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import Progress

import accel
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.single import drawn
from tests.support.oracles.onnx import REFUSALS, one_by_one

CONFIG = AcceleratorConfig(bank_words=1 << 13, sum_bits=26)
# Average pools of the runtime sum up float32 numbers in an order of its own; see README.
NEAR = ("AveragePool",)


@dataclass
class Outcome:
    """Of one model: ``exact``, ``near``, ``refused``, ``no oracle`` or ``differs``, and what of
    it."""

    number: int
    operator: str
    verdict: str
    detail: str = ""


@dataclass
class Tally:
    verdicts: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    differing: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.verdicts[outcome.verdict] += 1
        if outcome.verdict == "refused":
            self.refused[f"{outcome.operator}: {re.sub(r'[0-9.]+', 'N', outcome.detail)}"] += 1
        if outcome.verdict == "differs":
            self.differing.append(outcome)

    def __str__(self) -> str:
        lines = [", ".join(f"{n} {verdict}" for verdict, n in self.verdicts.most_common())]
        lines += [f"  {n:5} refused: {what}" for what, n in self.refused.most_common()]
        lines += [f"  {o.number} {o.operator}: {o.detail}" for o in self.differing]
        return "\n".join(lines)


def attempt(seed: int, number: int, core: bool = True) -> Outcome:
    """Draw a model and compare; on a ``core`` too where it can be compiled."""
    name, model = drawn(seed, number)
    data, inputs = model.bytes(), model.inputs()
    answers = {level: _answer(data, inputs, level) for level in ("ALL", "NONE")}
    if not any(answers.values()):
        return Outcome(number, name, "no oracle")
    try:
        graph = read(data, "single.onnx")
    except UnsupportedModel as refusal:
        return Outcome(number, name, "refused", str(refusal))
    found = run(graph, inputs)
    verdict, detail = _compared(name, [found[output] for output in graph.outputs], answers)
    if verdict == "differs" or not core:
        return Outcome(number, name, verdict, detail)
    try:
        program = accel.compile(graph, config=CONFIG)
    except CannotCompile as refusal:
        return Outcome(number, name, "refused", str(refusal))
    try:
        result = program.run(inputs, "machine")
    finally:
        program.close()
    off = sum(int((result.outputs[output] != found[output]).sum()) for output in graph.outputs)
    if off and not program.report().inexact:
        return Outcome(number, name, "differs", f"machine: {off} elements")
    return Outcome(number, name, verdict, detail)


def _answer(data: bytes, inputs: dict[str, np.ndarray], level: str) -> list[np.ndarray] | None:
    """ONNX Runtime's; None where it refuses."""
    try:
        return one_by_one(data, inputs, level)
    except REFUSALS:
        return None


def _compared(
    name: str, found: list[np.ndarray], answers: dict[str, list[np.ndarray] | None]
) -> tuple[str, str]:
    counts, far, total = {}, {}, sum(a.size for a in found)
    for level, answer in answers.items():
        if answer is None:
            continue
        if any(
            a.shape != b.shape or a.dtype != b.dtype for a, b in zip(found, answer, strict=True)
        ):
            return "differs", f"{level}: other shapes or types"
        counts[level] = sum(int((a != b).sum()) for a, b in zip(found, answer, strict=True))
        far[level] = max(
            float(np.abs(a.astype(float) - b).max()) for a, b in zip(found, answer, strict=True)
        )
    if min(counts.values()) == 0:
        return "exact", ""
    detail = f"of {total}: " + ", ".join(
        f"{level} {n} by up to {far[level]:.3g}" for level, n in counts.items()
    )
    near = name in NEAR and min(counts.values()) <= max(1, total // 10)
    return ("near" if near else "differs"), detail


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="models (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (%(default)s)")
    parser.add_argument("--store", type=Path, help="outcomes, a line each, to go on from")
    options = parser.parse_args()
    tally, done = Tally(), set()
    if options.store and options.store.exists():
        for line in options.store.read_text().splitlines():
            try:
                seed, *values = json.loads(line)
                outcome = Outcome(*values)
            except (ValueError, TypeError):
                continue  # the line in which it was stopped
            if seed == options.seed and outcome.number not in done:
                done.add(outcome.number)
                tally.add(outcome)
    numbers = range(options.first, options.first + options.count)
    with Progress() as bar:
        for number in bar.track(numbers, description="models"):
            if number in done:
                continue
            outcome = attempt(options.seed, number)
            tally.add(outcome)
            if options.store:
                values = outcome.number, outcome.operator, outcome.verdict, outcome.detail
                with options.store.open("a") as file:
                    file.write(json.dumps([options.seed, *values]) + "\n")
    print(tally)
    return 1 if tally.differing else 0


if __name__ == "__main__":
    sys.exit(main())
