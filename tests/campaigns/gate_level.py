"""Default cores as synthesized, with digits and a layer of keyword spotting's shape, against RTL.

    python -m tests.campaigns.gate_level --results gates.jsonl [--board NAME] [--seeds N]

Each case is a board's default core, a network, a scenario and a seed of what is undefined after
power-up: minutes each. What is in the results is not run again.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from accel import boards
from accel.bringup.netlist_check import check_netlist
from accel.bringup.network_check import digits_program, digits_samples
from accel.compiler.compile import compile_graph
from accel.compiler.program.executable import CoreExecutable
from accel.config import AcceleratorConfig
from accel.sim.gates.scenarios import SCENARIOS
from accel.target import resources
from accel.target.netlist import netlist_of_board
from tests.support.networks.small import Chain

BOARDS = ("icebreaker", "ulx3s_85f")
KEYWORD_SHAPE = (1, 25, 5, 64)  # of the layers of MLPerf Tiny's DS-CNN

Case = tuple[str, str, str, int]
Network = tuple[CoreExecutable, np.ndarray]


def _digits(config: AcceleratorConfig) -> Network:
    return digits_program(config), digits_samples(2)


def _keyword_layer(config: AcceleratorConfig) -> Network:
    graph = Chain(KEYWORD_SHAPE).convolution(KEYWORD_SHAPE[-1]).graph()
    random = np.random.default_rng(1)
    return compile_graph(graph, config), random.integers(
        -128, 128, (2, *KEYWORD_SHAPE[1:]), np.int8
    )


NETWORKS: Mapping[str, Callable[[AcceleratorConfig], Network]] = MappingProxyType(
    {"digits": _digits, "keyword layer": _keyword_layer}
)


@cache
def netlist(board: str) -> str:
    """The netlist of a board's default core."""
    found = boards.get(board)
    return netlist_of_board(found, resources.configure(found))


def cases(chosen: tuple[str, ...], seeds: int) -> Iterator[Case]:
    """Board, network, scenario and seed of each case."""
    for board in chosen:
        for network in NETWORKS:
            for scenario in SCENARIOS:
                yield from ((board, network, scenario, seed) for seed in range(seeds))


def attempt(case: Case) -> dict:
    """Try one case; what is kept of it."""
    name, network, scenario, seed = case
    board = boards.get(name)
    config = resources.configure(board)
    program, inputs = NETWORKS[network](config)
    text = netlist(name)
    begin = time.process_time()
    found = check_netlist(text, board, config, program, inputs, scenarios=[scenario], seed=seed)
    return {
        "case": list(case),
        **asdict(found),
        "holds": found.holds,
        "said": str(found.difference or ""),
        "cpu_s": round(time.process_time() - begin, 1),
    }


def done(results: Path) -> dict[Case, dict]:
    """The cases that were tried before. The last line may be cut off."""
    found = {}
    if results.exists():
        for line in results.read_text().splitlines():
            try:
                outcome = json.loads(line)
                found[tuple(outcome["case"])] = outcome
            except (ValueError, KeyError):
                continue
    return found


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True, help="lines of outcomes, to go on")
    parser.add_argument("--board", action="append", help="instead of the default ones")
    parser.add_argument("--seeds", type=int, default=1, help="of power-ups (%(default)s)")
    options = parser.parse_args()
    known = done(options.results)
    failed = 0
    for case in cases(tuple(options.board or BOARDS), options.seeds):
        if case not in known:
            known[case] = attempt(case)
            with options.results.open("a") as file:
                file.write(json.dumps(known[case]) + "\n")
        outcome = known[case]
        failed += not outcome["holds"]
        print(
            *case,
            "holds" if outcome["holds"] else f"DIFFERS: {outcome['said']}",
            f"{outcome['cycles']:,} cycles, {outcome['unknown_cycles']} with unknown outputs,",
            f"{outcome['cpu_s']} s",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
