"""Tries the driver's part of a program on nothing, before a program from a file is trusted."""

from collections.abc import Collection, Mapping

import numpy as np

from accel.compiler.program.executable import CoreExecutable

from .runner import Passing, run


class _Empty:
    """A core whose memory is all zeros."""

    def __init__(self, program: CoreExecutable):
        self.program = program

    def run(
        self,
        inputs: Mapping[str, np.ndarray],
        keep: Collection[str],
        passing: Passing | None = None,
    ) -> dict[str, np.ndarray]:
        rows, found = self.program.config.rows, dict[str, np.ndarray]()
        for name in keep:
            words = self.program.placement(name).layout.words(rows)
            found[name] = np.zeros((1, words * rows), np.uint8)
        if passing:
            between = passing(0, 1)
            for segment in range(1, len(self.program.runs)):
                between.inputs(segment, found)
        return found


def rehearse(program: CoreExecutable) -> None:
    """Compute what the driver does before, between and after runs of the core, of zeros.

    Whatever shapes, types or attributes do not agree shows as an error of NumPy's or of Python's.
    """
    graph = program.graph
    inputs = {
        name: np.zeros((1, *graph.tensor(name).shape[1:]), graph.tensor(name).dtype)
        for name in graph.inputs
    }
    with np.errstate(all="ignore"):
        answers = run(program, _Empty(program), inputs)
    for name, found in answers.items():
        tensor = graph.tensor(name)
        if (found.shape, found.dtype.name) != ((1, *tensor.shape[1:]), tensor.dtype):
            raise ValueError(f"output {name[:40]!r} would be {found.dtype} {list(found.shape)}")
