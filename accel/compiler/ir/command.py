"""A layer of the core as it is scheduled: its descriptor and what it streams, without addresses."""

from dataclasses import dataclass, replace

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.division.division import Division
from .descriptor import Descriptor
from .layer import Band, ComputedWeights, PostOp


@dataclass(frozen=True)
class Inexact:
    """An output channel that no division makes equal to its rounding contract.

    Of the ``sums`` that its weights and any input can give, ``differing`` lead to another code than
    the contract's, which is at most ``codes`` away. ``channel`` is that of the output tensor.
    """

    channel: int
    differing: int
    sums: int
    codes: int = 1

    def __str__(self) -> str:
        return f"channel {self.channel} at {self.differing:,} of {self.sums:,} sums"


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerCommand:
    """One layer's descriptor and stream.

    Parameters
    ----------
    name, node, source, output, macs, home
        As in `Convolution`.
    mode
        The dataflow: ``dense``, ``grouped`` or ``broadcast``.
    descriptor
        With addresses relative to the tensors; what the linker fills in is still 0.
    division
        The channel parameters, of all output channels in order, or of one where all share it.
    channels
        int64 ``[groups, columns]``: output channel of each column, -1 for none.
    weights
        int64 ``[groups, steps, columns]``.
    post_op
        What is done with the codes before they are stored.
    inexact
        Channels whose division is the nearest there is, but not the contract.
    band
        Where the layer is a row band of a whole one: which.
    addend
        The tensor of kept sums that is added to the layer's own, in the output's bank; the output
        itself where these sums are kept, too.
    part, parts
        Which part of K it computes, and of how many. They follow each other.
    computed
        As in `Convolution`. The command's chunk lies in memory, as a whole and at one place.
    """

    name: str
    node: str
    source: str
    output: str
    macs: int
    mode: str
    descriptor: Descriptor
    division: Division
    channels: np.ndarray
    weights: np.ndarray
    post_op: PostOp | None = None
    inexact: tuple[Inexact, ...] = ()
    band: Band | None = None
    addend: str | None = None
    part: int = 0
    parts: int = 1
    home: str | None = None
    computed: ComputedWeights | None = None

    @property
    def residual(self) -> str | None:
        """The tensor whose place in memory the output takes, if any."""
        return self.post_op.residual if self.post_op else None

    @property
    def groups(self) -> int:
        """Groups of output channels."""
        return self.descriptor.groups

    @property
    def steps(self) -> int:
        """Reduction steps of a tile, which are cycles."""
        return self.weights.shape[1]


def cut(command: LayerCommand, first: int, groups: int, config: AcceleratorConfig) -> LayerCommand:
    """The command that computes ``groups`` groups of another one, from ``first`` on.

    The first such part is what the whole layer's multiply-accumulates and inexact channels are
    counted for. A command whose groups share their weights is not cut.
    """
    end = first + groups
    if (first, end) == (0, command.groups) or command.descriptor.shared:
        return command
    return replace(
        command,
        name=f"{command.name}_from{first}" if first else command.name,
        macs=0 if first else command.macs,
        descriptor=command.descriptor.of_groups(first, end, config),
        channels=command.channels[first:end],
        weights=command.weights[first:end],
        inexact=() if first else command.inexact,
    )


def cut_runs(command: LayerCommand, first: int, runs: int) -> LayerCommand:
    """The command that computes ``runs`` runs of another one, from ``first`` on: see `cut`."""
    end = first + runs
    if (first, end) == (0, command.descriptor.runs):
        return command
    return replace(
        command,
        name=f"{command.name}_row{first}" if first else command.name,
        macs=0 if first else command.macs,
        descriptor=command.descriptor.of_runs(first, end),
        inexact=() if first else command.inexact,
    )
