"""What channels that are not requantized exactly come to: how many of a run's answers differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import interpreter
from ..ir.command import LayerCommand
from ..program.program import CoreProgram


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A channel that is not exact, and what was measured of it.

    Of the ``sums`` that any input can give, ``differing`` lead to a code beside the contract's: at
    most `nearest.ALLOWED_SHARE` of them, or the channel would have been refused.
    In a run, ``elements`` of the layer's output were compared with the contract's reference, computed
    from the network's inputs, and ``differing_elements`` were different; both are 0 where nothing ran.
    """

    layer: str
    channel: int
    differing: int
    sums: int
    elements: int = 0
    differing_elements: int = 0

    def __str__(self) -> str:
        text = (
            f"{self.layer}: channel {self.channel} is not exact: "
            f"{self.differing:,} of {self.sums:,} sums give the next code"
        )
        if self.elements:
            text += f"; measured: {self.differing_elements:,} of {self.elements:,} elements differ"
        return text

    def as_dict(self) -> dict[str, Any]:
        rate = self.differing_elements / self.elements if self.elements else None
        return {
            "layer": self.layer,
            "channel": self.channel,
            "differing_sums": self.differing,
            "sums": self.sums,
            "elements": self.elements,
            "differing_elements": self.differing_elements,
            "rate": rate,
        }


def observed(program: CoreProgram) -> tuple[str, ...]:
    """The tensors that `deviations` compares."""
    found = dict.fromkeys(_measured(program, command) for command, _ in program.inexact)
    return tuple(name for name in found if name)


def _measured(program: CoreProgram, command: LayerCommand) -> str | None:
    """The network's tensor that has a command's codes, if one is stored that has."""
    if command.output in program.graph.tensors:
        return command.output
    node = next(node for node in program.graph if node.name == command.node)
    return node.outputs[0] if program.has(node.outputs[0]) else None


def deviations(
    program: CoreProgram,
    inputs: np.ndarray | Mapping[str, np.ndarray] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
) -> tuple[Deviation, ...]:
    """Every channel that is not exact, measured on what an executor answered, if it ran.

    ``tensors`` has the `observed` ones, ``[N, ...]``.
    """
    expected: Mapping[str, np.ndarray] = {}
    if tensors is not None and program.inexact:
        expected = interpreter.run(program.graph, inputs, observed(program))
    found = []
    for command, one in program.inexact:
        elements = differing = 0
        name = _measured(program, command)
        if name in expected:
            wanted = expected[name][..., one.channel]
            elements = wanted.size
            differing = int((tensors[name][..., one.channel] != wanted).sum())
        found.append(
            Deviation(
                layer=command.name,
                channel=one.channel,
                differing=one.differing,
                sums=one.sums,
                elements=elements,
                differing_elements=differing,
            )
        )
    return tuple(found)
