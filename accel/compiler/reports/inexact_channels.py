"""Inexact channels: how many results of a run differ because of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph import interpreter
from ..ir.command import Inexact, LayerCommand
from ..program.executable import CoreExecutable
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
    found = dict.fromkeys(_measured(program, command) for command, _ in _inexact(program))
    return tuple(name for name in found if name)


def _measured(program: CoreProgram, command: LayerCommand) -> str | None:
    """The network's tensor with a command's codes, if it is stored."""
    if command.output in program.graph.tensors:
        return command.output
    node = next(node for node in program.graph if node.name == command.node)
    return node.outputs[0] if program.has(node.outputs[0]) else None


def stated(program: CoreExecutable) -> tuple[Deviation, ...]:
    """Every channel that is not exact."""
    return tuple(
        Deviation(layer=command.name, channel=one.channel, differing=one.differing, sums=one.sums)
        for command, one in program.inexact
    )


def deviations(
    program: CoreProgram,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    tensors: Mapping[str, np.ndarray],
) -> tuple[Deviation, ...]:
    """Every channel that is not exact, with what a run showed of it.

    ``inputs`` are what an executor was given, and ``tensors`` what it computed: the `observed`
    ones, ``[N, ...]``.
    """
    expected: Mapping[str, np.ndarray] = {}
    if program.inexact:
        expected = interpreter.run(program.graph, inputs, observed(program))
    found = []
    for (command, one), channel in zip(_inexact(program), stated(program), strict=True):
        name = _measured(program, command)
        if name is not None and name in expected:
            reference = expected[name][..., one.channel]
            differing = int((tensors[name][..., one.channel] != reference).sum())
            channel = replace(channel, elements=reference.size, differing_elements=differing)
        found.append(channel)
    return tuple(found)


def _inexact(program: CoreProgram) -> list[tuple[LayerCommand, Inexact]]:
    return [(command, one) for command in program.commands for one in command.inexact]
