"""A compiled network: what to load into a core, where its tensors are, and what the driver adds."""

from dataclasses import dataclass

import numpy as np

from ...config import SUM_BYTES
from ..graph.accumulation_order import OrderSensitive, added_by_driver, order_sensitive
from ..ir.command import LayerCommand
from ..ir.graph import Graph
from ..ir.kept_sums import code_bytes, sums_order
from ..ir.segment_starts import segment_starts
from ..ir.tensor_layout import layout_of
from ..memory.allocation import MemoryPlan, Placement
from ..memory.pieces import Piece, pieces
from .executable import Chunk, CoreExecutable, DmaTransfer, StateHome

__all__ = ["Chunk", "CoreProgram", "DmaTransfer"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreProgram(CoreExecutable):
    """An executable with all that the compiler knew of it.

    ``source`` is the graph as the front end read it, ``graph`` the one that was compiled.
    """

    source: Graph
    commands: tuple[LayerCommand, ...]
    memory: MemoryPlan

    @property
    def used_words(self) -> tuple[int, ...]:
        return self.memory.used_words

    @property
    def order_sensitive(self) -> tuple[OrderSensitive, ...]:
        return order_sensitive(self.source)

    @property
    def added_by_driver(self) -> tuple[str, ...]:
        return added_by_driver(self.source)

    @property
    def starts(self) -> tuple[int, ...]:
        return segment_starts(self.commands, self.partition.later)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces in which inputs are written, and when: those that are written during a run,
        then those that are before the next one."""
        words = [chunk.size // self.config.rows for chunk in self.chunks]
        inputs = [one.tensor for one in self.inputs]
        later = self.partition.later
        return pieces(self.commands, self.memory, words, inputs, self.config, later)

    @property
    def states(self) -> tuple[StateHome, ...]:
        return tuple(
            StateHome(
                name=state.name,
                tensor=state.read,
                place=self.memory.tensors[state.read],
                initial=state.initial,
            )
            for state in self.graph.states
            if state not in self.partition.kept
        )

    def placement(self, tensor: str) -> Placement:
        """Where a tensor's values are: it, or the tensor whose memory it shares.

        Also of tensors that are not the network's, such as row bands of its own.
        """
        alias = self.aliases.get(tensor)
        return self.memory.tensors[alias.root if alias else tensor]

    def has(self, tensor: str) -> bool:
        """Whether a tensor's values can be read: it is stored, or the driver computes it."""
        alias = self.aliases.get(tensor)
        driven = {name for node in self.partition.driver for name in node.outputs}
        if tensor in driven:
            return True
        if alias is None or alias.root in {state.read for state in self.graph.states}:
            return False  # it is there before the first layer, and not after the last one
        return alias.root in self.memory.tensors or bool(self.bands(alias.root))

    def holds_sums(self, tensor: str) -> bool:
        """Whether a tensor is stored as 32-bit sums, not as codes."""
        kept = {command.output for command in self.commands if command.descriptor.keep_sums}
        return self.aliases[tensor].root in kept

    def sums_places(self, tensor: str) -> np.ndarray:
        """Where a tensor of sums has each value, in the order of its shape: int64 ``[values, 4]``,
        bytes from its first word on, lowest first."""
        shape = self.graph.tensor(tensor)
        layout, rows = layout_of(shape), self.config.rows
        found = np.zeros((shape.size, SUM_BYTES), np.int64)
        stored = layout.channel_words(rows) * rows
        for command in self.commands:
            f = command.descriptor
            if command.output != self.aliases[tensor].root or command.part < command.parts - 1:
                continue
            order = sums_order(f, self.config)
            position, channel = np.divmod(
                code_bytes(f, self.config, f.tiles(rows) * rows).ravel()[order.indices], stored
            )
            first = f.sums_base * self.config.sums_tile_words * rows
            found[position * layout.channels + channel] = order.bytes + first
        return found
