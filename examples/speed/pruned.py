"""What pruning blocks of weights saves: the cycles of a network as it is and with blocks set to
zero.

    python examples/speed/pruned.py [MODEL] [--board BOARD]

A block is as many input channels as the array has rows, for as many output channels as it has
columns. They go from the same input channels of all output channels (``channels``), from both ends
of each group of output channels' inputs (``ends``), or anywhere (``anywhere``). No accuracy is
looked at: the weights that go are chosen at random. The machine's answers are compared with the
reference.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import accel
from accel import boards
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.ir.graph import Graph
from accel.target import resources

DIGITS = Path(__file__).resolve().parents[1] / "digits" / "digits_int8.tflite"
SHARES = (0.5, 0.75)
_PRUNED = ("conv2d", "fully_connected")


def _channels(random, kept: int, groups: int, blocks: int) -> np.ndarray:
    return np.isin(np.arange(blocks), random.permutation(blocks)[:kept])[None].repeat(groups, 0)


def _ends(random, kept: int, groups: int, blocks: int) -> np.ndarray:
    first = random.integers(0, blocks - kept + 1, (groups, 1))
    return (np.arange(blocks) >= first) & (np.arange(blocks) < first + kept)


def _anywhere(random, kept: int, groups: int, blocks: int) -> np.ndarray:
    return random.random((groups, blocks)) < kept / blocks


WAYS = {"channels": _channels, "ends": _ends, "anywhere": _anywhere}
"""Which blocks stay, bool ``[groups, blocks]``, of ``kept`` out of ``blocks``."""


def pruned(graph: Graph, way: str, share: float, config: accel.AcceleratorConfig) -> Graph:
    """The network without this share of the blocks of each layer that has two or more."""
    random, tensors = np.random.default_rng(1), dict(graph.tensors)
    for node in graph.nodes:
        if node.operator not in _PRUNED:
            continue
        weights = graph.tensor(node.inputs[1])
        out, channels = weights.shape[0], weights.shape[-1]
        groups, blocks = -(-out // config.columns), -(-channels // config.rows)
        if blocks < 2:
            continue
        kept = WAYS[way](random, max(1, round(blocks * (1 - share))), groups, blocks)
        mask = kept.repeat(config.columns, 0)[:out].repeat(config.rows, 1)[:, :channels]
        mask = mask.reshape(out, *[1] * (len(weights.shape) - 2), channels)
        tensors[weights.name] = replace(
            weights, data=np.where(mask, weights.data, 0).astype(np.int8)
        )
    return graph.replace(tensors=tensors)


def measure(graph: Graph, board: str) -> tuple[int, int]:
    """Cycles of an inference, and codes of two random inputs that differ from the reference."""
    config = resources.configure(boards.get(board))
    program = accel.Program(compile_graph(graph, config), board)
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    x = np.random.default_rng(2).integers(-128, 128, (2, *shape)).astype(np.int8)
    answers = [program.run(x, executor).output for executor in ("machine", "reference")]
    return program.report().cycles_model, int((answers[0] != answers[1]).sum())


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=DIGITS)
    parser.add_argument("--board", default="icebreaker")
    options = parser.parse_args()
    graph = load(options.model)
    config = resources.configure(boards.get(options.board))
    whole, differ = measure(graph, options.board)
    print(f"{'as it is':<14} {whole:>10,} cycles, {differ} differ")
    for way in WAYS:
        for share in SHARES:
            cycles, differ = measure(pruned(graph, way, share, config), options.board)
            name = f"{way} {share:.0%}"
            print(f"{name:<14} {cycles:>10,} cycles, {cycles / whole:.2f} of it, {differ} differ")


if __name__ == "__main__":
    main()
