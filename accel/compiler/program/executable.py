"""What runs on a core: all that an executor needs of a program, and nothing of how it was compiled.

A `CoreProgram` is one, with everything the compiler knew; a `StoredProgram` of a program file is
another.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np

from ...config import FLASH, AcceleratorConfig
from ..graph.accumulation_order import OrderSensitive
from ..graph.host_partition import Partition
from ..ir.command import Inexact
from ..ir.graph import Graph
from ..ir.layer import Band
from ..ir.tensor_layout import Alias, TensorLayout
from ..lowering.input_im2col import InputMap, plain_input
from ..memory.allocation import Placement
from ..memory.flash_image import image_of
from ..memory.pieces import Piece


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
class StateHome:
    """A state of the network, and where it lies in memory between inferences.

    ``tensor`` is the one that an inference finds there, ``initial`` what the first one finds.
    """

    name: str
    tensor: str
    place: Placement
    initial: np.ndarray

    def words(self, rows: int) -> int:
        return self.place.layout.words(rows)

    def stored(self, value: np.ndarray, rows: int) -> np.ndarray:
        """The bytes of memory, uint8 ``[1, n]``, that hold a value ``[1, ...]``."""
        return plain_input(self.tensor, self.place.layout).pack(value, rows)

    def value(self, stored: np.ndarray, rows: int) -> np.ndarray:
        """The value ``[1, ...]`` that bytes of memory, uint8 ``[n]``, hold."""
        layout = self.place.layout
        words = stored.view(np.int8).reshape(-1, layout.channel_words(rows) * rows)
        return words[:, : layout.channels].reshape(self.initial.shape)

    def chunk(self, rows: int) -> Chunk:
        """The initial value as it is loaded."""
        data = self.stored(self.initial, rows).tobytes()
        return Chunk(bank=self.place.bank, address=self.place.address, data=data)


class RunLayer(Protocol):
    """What is known of a layer of the core when it runs; a `LayerCommand` is one."""

    @property
    def name(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def macs(self) -> int: ...
    @property
    def output(self) -> str: ...
    @property
    def inexact(self) -> tuple[Inexact, ...]: ...
    @property
    def band(self) -> Band | None: ...
    @property
    def part(self) -> int: ...
    @property
    def parts(self) -> int: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreExecutable:
    """Everything that an executor needs.

    ``graph`` has at least what is not the core's alone: the network's inputs and outputs, the nodes
    that the driver computes, and the tensors that enter and leave the core. ``commands``,
    ``chunks`` and ``transfers`` have an entry for each layer of the core; that of a layer without a
    transfer is ``None``.
    """

    config: AcceleratorConfig
    graph: Graph
    partition: Partition
    aliases: Mapping[str, Alias]
    inputs: tuple[InputMap, ...]
    commands: tuple[RunLayer, ...]
    chunks: tuple[Chunk, ...]
    transfers: tuple[DmaTransfer | None, ...]

    @property
    @abstractmethod
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces in which inputs are written, and when: those that are written during a run,
        then those that are before the next one."""

    @property
    @abstractmethod
    def starts(self) -> tuple[int, ...]:
        """The layer that the core's run of each segment begins with, see `segment_starts`."""

    @property
    @abstractmethod
    def used_words(self) -> tuple[int, ...]:
        """Words of each bank that tensors and chunks take."""

    @property
    @abstractmethod
    def order_sensitive(self) -> tuple[OrderSensitive, ...]:
        """The network's layers that are sensitive to the order of the oracle's additions."""

    @property
    @abstractmethod
    def added_by_driver(self) -> tuple[str, ...]:
        """Places of the layers that the driver adds up in the oracle's order."""

    @property
    @abstractmethod
    def states(self) -> tuple[StateHome, ...]:
        """What outlives an inference in the core's memory."""

    @property
    def stateful(self) -> bool:
        """Whether anything outlives an inference: samples are successive inferences then."""
        return bool(self.states or self.partition.kept)

    @property
    def initial_states(self) -> dict[str, np.ndarray]:
        """What the first inference finds, ``[1, ...]`` by states' names."""
        own = {state.name: state.initial for state in self.partition.kept}
        return {state.name: state.initial for state in self.states} | own

    @abstractmethod
    def placement(self, tensor: str) -> Placement:
        """Where a tensor's values are: it, or the tensor whose memory it shares."""

    @abstractmethod
    def holds_sums(self, tensor: str) -> bool:
        """Whether a tensor is stored as 32-bit sums, not as codes."""

    @abstractmethod
    def sums_places(self, tensor: str) -> np.ndarray:
        """Where a tensor of sums has each value, in the order of its shape: int64 ``[values, 4]``,
        bytes from its first word on, lowest first."""

    @property
    def contents(self) -> tuple[Chunk, ...]:
        """The chunks to load before the first inference, into memory and flash, in the order of a
        run; then the initial values of states."""
        found: list[Chunk] = []
        for chunk, transfer in zip(self.chunks, self.transfers, strict=True):
            found += [transfer.chunk] if transfer else []
            within = transfer is not None and chunk.bank == FLASH
            found += [] if chunk.prefetched or within else [chunk]
        found += [state.chunk(self.config.rows) for state in self.states]
        return tuple(found)

    @property
    def entries(self) -> tuple[Chunk, ...]:
        """The chunk that each layer's run begins with: its transfer's if it has one."""
        pairs = zip(self.chunks, self.transfers, strict=True)
        return tuple(transfer.chunk if transfer else chunk for chunk, transfer in pairs)

    @cached_property
    def runs(self) -> tuple[range, ...]:
        """The layers of each segment."""
        return tuple(range(*ends) for ends in pairwise((*self.starts, len(self.commands))))

    def inputs_of(self, segment: int) -> tuple[InputMap, ...]:
        """Those of the inputs that are written before a segment."""
        sources = self.partition.segments[segment].inputs
        return tuple(one for one in self.inputs if one.source in sources)

    @property
    def flash(self) -> bytes:
        """The image that must be in the core's flash; empty where all is in memory."""
        contents = self.contents
        streamed = any(chunk.bank == FLASH for chunk in contents)
        return image_of(contents, self.config) if streamed else b""

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, as the network counts them."""
        return sum(command.macs for command in self.commands)

    @property
    def size_bytes(self) -> int:
        """Bytes of all chunks: descriptors, parameters and weights."""
        return sum(len(chunk.data) for chunk in self.chunks)

    @property
    def inexact(self) -> tuple[tuple[RunLayer, Inexact], ...]:
        """Channels that differ from the contract at some sums, with their layers."""
        return tuple((command, one) for command in self.commands for one in command.inexact)

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
            layout = self.placement(name).layout
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
