"""Compiles random networks with states and holds successive inferences to TFLite Micro's.

python -m tests.campaigns.random_states --count 500 --seed 1 [--executor rtl]
"""

import argparse
import sys

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.progress import Progress

from tests.campaigns.random_networks import SIZES, Tally, attempt, core
from tests.support.networks.tflite.operators import SEEDS
from tests.support.networks.tflite.states import state_networks


def draw_and_attempt(count: int, first: int, executor: str, done=lambda number: None) -> Tally:
    """Attempt so many networks that a seed draws; every stored tensor of every inference is
    compared."""
    tally = Tally()

    @seed(first)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(state_networks(), st.sampled_from(SIZES), SEEDS)
    def draw(graph, size, stimulus):
        if tally.networks < count:
            attempt(graph, core(size), stimulus, tally, executor)
            done(tally.networks)

    draw()
    return tally


def main() -> int:
    """Draw networks from a seed, with a bar, and print what became of them."""
    parser = argparse.ArgumentParser(description="Hold random networks with states to TFLM.")
    parser.add_argument("--count", type=int, default=500, help="networks (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    parser.add_argument("--executor", default="machine", help="what runs them (%(default)s)")
    options = parser.parse_args()
    with Progress() as bar:
        task = bar.add_task("networks", total=options.count)
        tally = draw_and_attempt(
            options.count,
            options.seed,
            options.executor,
            lambda number: bar.update(task, completed=number),
        )
    print(tally)
    return 1 if tally.differing else 0


if __name__ == "__main__":
    sys.exit(main())
