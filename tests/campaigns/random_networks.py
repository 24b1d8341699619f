"""Compiles random networks and holds each to TFLite Micro; run as a script, as many as one likes.

python -m tests.campaigns.random_networks --count 2000 --seed 1
"""

import argparse
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.progress import Progress

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.ir.graph import Graph
from accel.compiler.tflite_export.writer import write
from accel.config import AcceleratorConfig
from accel.errors import UserError
from tests.support.networks.tflite.operators import SEEDS, random_inputs
from tests.support.networks.tflite.typical import networks
from tests.support.oracles.agreement import assert_cycles, compared
from tests.support.oracles.tflm import tflm

SAMPLES = 3
# Rows, columns and requantizers, of cores that can combine two operands.
SIZES = ((4, 4, 1), (4, 8, 1), (8, 4, 1), (8, 4, 2), (8, 8, 2), (2, 2, 1))
NOT_PROVED = "cannot be requantized exactly"


def core(size: tuple[int, int, int]) -> AcceleratorConfig:
    """A core with room for all that is drawn."""
    rows, columns, requantizers = size
    return AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, weight_steps=8192, sum_bits=26
    )


@dataclass
class Tally:
    """What became of networks; ``refused`` counts by reason, with numbers left out."""

    networks: int = 0
    layers: int = 0
    elements: int = 0
    differing: int = 0
    not_proved: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)
    answered: int = 0

    def refuse(self, refusal: UserError) -> None:
        reasons = getattr(refusal, "reasons", refusal.args)
        for reason in reasons:
            assert reason.place
            assert reason.what
            self.refused[re.sub(r"\d+", "N", reason.what)] += 1
        self.not_proved += all(NOT_PROVED in reason.what for reason in reasons)

    def __str__(self) -> str:
        refused = self.networks - self.answered
        lengths = f"{min(self.lengths)} to {max(self.lengths)}"
        lines = [
            f"{self.networks} networks of {lengths} operators, {self.layers} in all",
            f"{self.answered} compiled and run, {refused} refused",
            f"{self.not_proved} of these because a channel is not provable",
            f"{self.elements:,} elements compared with TFLite Micro's, {self.differing} differ",
            *(f"  {count:5} refused: {what}" for what, count in self.refused.most_common()),
            "  operators: " + ", ".join(f"{n} {name}" for name, n in self.operators.most_common()),
        ]
        return "\n".join(lines)


def attempt(
    graph: Graph, config: AcceleratorConfig, stimulus: int, tally: Tally, executor: str = "machine"
) -> Program | None:
    """Write and read a network, run it, and count; every stored tensor is compared.

    In RTL the counters of all layers are asserted to be the cycle model's.
    """
    file = write(graph)
    tally.networks += 1
    tally.layers += len(graph.nodes)
    tally.lengths[len(graph.nodes)] += 1
    tally.operators.update(node.operator for node in graph)
    try:
        graph = read(file, "random.tflite")
        program = Program(compile_graph(graph, config))
    except (UnsupportedModel, CannotCompile, DoesNotFit) as refusal:
        tally.refuse(refusal)
        return None
    inputs = random_inputs(graph, SAMPLES, stimulus)
    expected = compared(program.code, tflm(file, inputs, all_tensors=True))
    assert set(graph.outputs) <= set(expected)
    execution = program.session.execute(executor, inputs, tuple(expected))
    for name, answer in expected.items():
        found = execution.tensors[name]
        assert (found.shape, found.dtype) == (answer.shape, answer.dtype)
        tally.elements += answer.size
        tally.differing += int(np.count_nonzero(found != answer))
    if executor == "rtl":
        assert_cycles(program.code, execution.layers)
    tally.answered += 1
    return program


def main() -> int:
    """Draw networks from a seed, with a bar, and print what became of them."""
    parser = argparse.ArgumentParser(description="Hold random networks to TFLite Micro.")
    parser.add_argument("--count", type=int, default=2000, help="networks (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    options = parser.parse_args()
    tally = Tally()
    with Progress() as bar:
        task = bar.add_task("networks", total=options.count)

        @seed(options.seed)
        @settings(
            max_examples=options.count,
            database=None,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(networks(), st.sampled_from(SIZES), SEEDS)
        def draw(graph, size, stimulus):
            if tally.networks < options.count:
                attempt(graph, core(size), stimulus, tally)
                bar.update(task, completed=tally.networks)

        draw()
    print(tally)
    return 1 if tally.differing else 0


if __name__ == "__main__":
    sys.exit(main())
