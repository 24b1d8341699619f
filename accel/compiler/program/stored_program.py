"""A program as a program file has it: what runs, and nothing of how it was compiled."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..graph.accumulation_order import OrderSensitive
from ..ir.command import Inexact
from ..ir.layer import Band
from ..memory.allocation import Placement
from ..memory.pieces import Piece
from .executable import CoreExecutable, StateHome


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a layer takes, by the exact cycle model: cycles as the core's counters count them, and
    the array's slots by what became of them, see `accel.sim.cycles.loss_attribution`."""

    cycles: int
    busy: int
    waiting_weights: int
    waiting_drain: int
    slots: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = (self.cycles, self.busy, self.waiting_weights, self.waiting_drain)
        if min(*counts, *self.slots.values(), 0) < 0 or self.cycles < 1:
            raise ValueError("a layer takes an impossible number of cycles")


@dataclass(frozen=True, kw_only=True)
class ChunkPlace:
    """Where a layer's chunk is, ``size`` bytes; as in `Chunk`."""

    bank: int
    address: int
    size: int
    prefetched: bool = False


@dataclass(frozen=True, kw_only=True)
class TransferPlace:
    """Where a DMA transfer puts ``size`` bytes, and at which byte of the image its chunk lies."""

    bank: int
    address: int
    size: int
    flash: int


@dataclass(frozen=True, kw_only=True)
class StoredLayer:
    """A layer of the core, as far as it is needed to run it and to say what it takes."""

    name: str
    node: str
    mode: str
    macs: int
    output: str
    inexact: tuple[Inexact, ...]
    band: Band | None
    part: int
    parts: int
    chunk: ChunkPlace
    transfer: TransferPlace | None
    figures: Figures


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredProgram(CoreExecutable):
    """What a program file holds.

    ``graph`` has what of the network is not the core's alone, ``first_layers`` the layer that each
    segment's run begins with. ``placements`` are those of the core's inputs, and
    of the tensors that its outputs share memory with; ``sums`` has, of those that are stored as
    32-bit sums, where each value's bytes are. ``labels`` are names of the classes, if anybody gave
    them, and ``board`` the name of the board that it was compiled for, if it was for one.
    """

    commands: tuple[StoredLayer, ...]
    first_layers: tuple[int, ...]
    placements: Mapping[str, Placement]
    sums: Mapping[str, np.ndarray]
    written: tuple[Piece, ...]
    bank_words: tuple[int, int]
    homes: tuple[StateHome, ...] = ()
    sensitive: tuple[OrderSensitive, ...] = ()
    in_order: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    board: str | None = None

    @property
    def starts(self) -> tuple[int, ...]:
        return self.first_layers

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.written

    @property
    def used_words(self) -> tuple[int, int]:
        return self.bank_words

    @property
    def order_sensitive(self) -> tuple[OrderSensitive, ...]:
        return self.sensitive

    @property
    def added_by_driver(self) -> tuple[str, ...]:
        return self.in_order

    @property
    def states(self) -> tuple[StateHome, ...]:
        return self.homes

    def placement(self, tensor: str) -> Placement:
        return self.placements[self._root(tensor)]

    def holds_sums(self, tensor: str) -> bool:
        return self._root(tensor) in self.sums

    def sums_places(self, tensor: str) -> np.ndarray:
        return self.sums[self._root(tensor)]

    def _root(self, tensor: str) -> str:
        alias = self.aliases.get(tensor)
        return alias.root if alias else tensor
