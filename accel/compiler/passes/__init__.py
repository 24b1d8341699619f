"""Graph -> Graph, one file each; the pipeline is the list below."""

from collections.abc import Callable

from ..ir import Graph
from ..verify import verify
from .crop_taps import crop_taps
from .fold_pad import fold_pad

PIPELINE: tuple[Callable[[Graph], Graph], ...] = (fold_pad, crop_taps)


def run_passes(graph: Graph) -> Graph:
    """Run all passes in order and verify the graph after each."""
    for run in PIPELINE:
        graph = run(graph)
        verify(graph)
    return graph
