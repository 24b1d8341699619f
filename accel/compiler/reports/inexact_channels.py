"""Inexact channels: how many results of a run differ because of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import interpreter
from ..ir.command import LayerCommand
from ..program.program import CoreProgram


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A channel that is not exact, and what a run showed of it.

    Of the ``sums`` that any input can lead to, ``differing`` give a code next to the contract's, at
    most a share of `nearest.ALLOWED_SHARE`. In a run, ``elements`` of the layer's output were
    compared with the reference, which follows the contract from the network's inputs on;
    ``differing_elements`` differed. Both are 0 where nothing ran.
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
    """The network's tensor with a command's codes, if it is stored."""
    if command.output in program.graph.tensors:
        return command.output
    node = next(node for node in program.graph if node.name == command.node)
    return node.outputs[0] if program.has(node.outputs[0]) else None


def deviations(
    program: CoreProgram,
    inputs: np.ndarray | Mapping[str, np.ndarray] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
) -> tuple[Deviation, ...]:
    """Every channel that is not exact; after a run with what it showed.

    ``inputs`` are what an executor was given, and ``tensors`` what it computed: the `observed`
    ones, ``[N, ...]``.
    """
    measured: Mapping[str, np.ndarray] = tensors or {}
    expected: Mapping[str, np.ndarray] = {}
    if inputs is not None and tensors is not None and program.inexact:
        expected = interpreter.run(program.graph, inputs, observed(program))
    found = []
    for command, one in program.inexact:
        elements = differing = 0
        name = _measured(program, command)
        if name is not None and name in expected:
            reference = expected[name][..., one.channel]
            elements = reference.size
            differing = int((measured[name][..., one.channel] != reference).sum())
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
