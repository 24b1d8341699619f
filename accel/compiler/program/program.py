"""A compiled network: what to load into a core, where its tensors are, and what the driver adds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...config import FLASH, SUM_BYTES, AcceleratorConfig
from ..graph.host_partition import Partition
from ..ir.command import Inexact, LayerCommand
from ..ir.graph import Graph
from ..ir.kept_sums import code_bytes, sums_order
from ..ir.tensor_layout import Alias, TensorLayout, layout_of
from ..lowering.input_im2col import InputMap
from ..memory.allocation import MemoryPlan, Placement
from ..memory.flash_image import image_of
from ..memory.pieces import Piece, pieces


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunk:
    """A layer's descriptor and stream.

    ``data`` lies at word ``address`` of ``bank``, or at byte ``address`` of the flash's image if
    the bank is ``FLASH``. A ``prefetched`` chunk is copied there from flash in each inference.
    """

    bank: int
    address: int
    data: bytes
    prefetched: bool = False

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(frozen=True, kw_only=True, eq=False)
class DmaTransfer:
    """``words`` that are copied from flash to word ``address`` of ``bank`` while a layer runs.

    In flash they are part of ``chunk``: first the transfer's descriptor, then the layer's own chunk
    if that is in flash, too, then the words. The layer's run begins with this chunk.
    """

    bank: int
    address: int
    chunk: Chunk
    words: bytes

    @property
    def size(self) -> int:
        return len(self.words)


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreProgram:
    """Everything that an executor needs.

    ``source`` is the graph as the front end read it, ``graph`` the one that was compiled.
    ``commands``, ``chunks`` and ``transfers`` have an entry for each layer of the core; that of a
    layer without a transfer is ``None``.
    """

    config: AcceleratorConfig
    source: Graph
    graph: Graph
    partition: Partition
    aliases: Mapping[str, Alias]
    inputs: tuple[InputMap, ...]
    commands: tuple[LayerCommand, ...]
    memory: MemoryPlan
    chunks: tuple[Chunk, ...]
    transfers: tuple[DmaTransfer | None, ...]

    @property
    def contents(self) -> tuple[Chunk, ...]:
        """The chunks to load before an inference, into memory and flash, in the order of a run."""
        found = []
        for chunk, transfer in zip(self.chunks, self.transfers, strict=True):
            found += [transfer.chunk] if transfer else []
            within = transfer is not None and chunk.bank == FLASH
            found += [] if chunk.prefetched or within else [chunk]
        return tuple(found)

    @property
    def entries(self) -> tuple[Chunk, ...]:
        """The chunk that each layer's run begins with: its transfer's if it has one."""
        pairs = zip(self.chunks, self.transfers, strict=True)
        return tuple(transfer.chunk if transfer else chunk for chunk, transfer in pairs)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces in which inputs are written, and when: those that are written during a run,
        then those that are before the next one."""
        words = [chunk.size // self.config.rows for chunk in self.chunks]
        inputs = [one.tensor for one in self.inputs]
        return pieces(self.commands, self.memory, words, inputs, self.config)

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, as the network counts them."""
        return sum(command.macs for command in self.commands)

    @property
    def size_bytes(self) -> int:
        """Bytes of descriptors, lookup tables, channel parameters and weights."""
        return sum(len(chunk.data) for chunk in self.chunks)

    @property
    def flash(self) -> bytes:
        """The image that must be in the core's flash; empty where all is in memory."""
        return image_of(self.contents, self.config) if self.memory.flash_bytes else b""

    @property
    def inexact(self) -> tuple[tuple[LayerCommand, Inexact], ...]:
        """Channels that differ from the contract at some sums, with their layers."""
        return tuple((command, one) for command in self.commands for one in command.inexact)

    def placement(self, tensor: str) -> Placement:
        """Where a tensor's values are: it, or the tensor whose memory it shares.

        Also of tensors that are not the network's, such as row bands of its own.
        """
        alias = self.aliases.get(tensor)
        return self.memory.tensors[alias.root if alias else tensor]

    def stored_tensors(self) -> tuple[str, ...]:
        """The tensors that layers of the core compute, in order and once each."""
        return tuple(dict.fromkeys(command.output for command in self.commands))

    def bands(self, tensor: str) -> dict[str, tuple[int, int, int]]:
        """The tensors that hold row bands of one that is never in memory as a whole.

        In their order, each with the row of the whole tensor that it begins with, and the first and
        the end of those that are computed in it. Empty for other tensors, and where not all rows
        are computed.
        """
        found: dict[str, tuple[int, int, int]] = {}
        for command in self.commands:
            band = command.band
            if band and band.output == tensor != command.output:
                rows = found.get(command.output, (0, *band.rows))
                first, end = min(rows[1], band.rows[0]), max(rows[2], band.rows[1])
                found[command.output] = band.origin, first, end
        done = 0
        for _, first, end in found.values():
            done = max(done, end) if first <= done else done
        alias = self.aliases.get(tensor)
        return found if alias and done == alias.layout.height else {}

    def has(self, tensor: str) -> bool:
        """Whether a tensor's values can be read: it is stored, or the driver computes it."""
        alias = self.aliases.get(tensor)
        driven = {n for node in self.partition.before + self.partition.after for n in node.outputs}
        if tensor in driven:
            return True
        return alias is not None and (
            alias.root in self.memory.tensors or bool(self.bands(alias.root))
        )

    def holds_sums(self, tensor: str) -> bool:
        """Whether a tensor is stored as 32-bit sums, not as codes."""
        kept = {command.output for command in self.commands if command.descriptor.keep_sums}
        return self.aliases[tensor].root in kept

    def unpack(self, tensor: str, data: np.ndarray) -> np.ndarray:
        """Values ``[N, ...]`` of a tensor, int8 codes or int32 sums, from its stored bytes, uint8
        ``[N, bytes]``."""
        if self.holds_sums(tensor):
            return self._sums(tensor, data)
        shape = self.graph.tensor(tensor).shape[1:]
        values = self._values(data, self.placement(tensor).layout, shape)
        return values.reshape(len(data), *shape)

    def unpack_bands(self, tensor: str, data: Mapping[str, np.ndarray]) -> np.ndarray:
        """The same of a tensor whose row bands alone are stored, from their bytes by name."""
        whole, shape = self.aliases[tensor].layout, self.graph.tensor(tensor).shape[1:]
        values = None
        for name, (origin, first, end) in self.bands(tensor).items():
            layout = self.memory.tensors[name].layout
            part = self._values(data[name], layout, shape)
            part = part.reshape(len(part), layout.height, whole.width, -1)
            if values is None:
                values = np.zeros((len(part), *whole.shape[:2], part.shape[-1]), np.int8)
            values[:, first:end] = part[:, first - origin : end - origin]
        assert values is not None, "the tensor must be stored in bands"
        return values.reshape(len(values), *shape)

    def _values(self, data: np.ndarray, layout: TensorLayout, shape: tuple[int, ...]) -> np.ndarray:
        """int8 ``[N, positions, channels]`` of stored bytes, uint8 ``[N, bytes]``; of packed
        values those that ``shape`` has, since a byte may have room for more."""
        channels = layout.channel_words(self.config.rows) * self.config.rows
        values = data.view(np.int8).reshape(len(data), -1, channels)[..., : layout.channels]
        sub_byte = self.config.number_format.sub_byte
        if layout.packing_factor > 1 and sub_byte:
            values = sub_byte.unpack(values.astype(np.int64)) + layout.origin
            values = values.astype(np.int8).reshape(*values.shape[:2], -1)[..., : shape[-1]]
        return values

    def _sums(self, tensor: str, data: np.ndarray) -> np.ndarray:
        """int32 values ``[N, ...]`` of a tensor of sums from its stored bytes."""
        places = self.sums_places(tensor)
        values = np.ascontiguousarray(data[:, places]).view("<i4")[..., 0]
        return values.reshape(len(data), *self.graph.tensor(tensor).shape[1:])

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
