"""A compiled network: what to load into a core, where its tensors are, and what the driver adds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import FLASH, AcceleratorConfig
from ..isa import Isa
from .balance import balanced
from .command import Command, Inexact, cut, encode, group_weight_words, pack_stream
from .flash import image_of
from .inputs import InputMap
from .ir import Graph
from .lower import Lowered, lower
from .memory import MemoryPlan, Placement
from .order import orders
from .partition import Partition
from .passes import run_passes
from .residence import Part, Piece
from .schedule import DoesNotFit
from .storage import View


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunk:
    """A layer's descriptor and stream: ``data`` go to word ``address`` of ``bank``, or to byte
    ``address`` of the flash's image where that is ``FLASH``. What is ``copied`` comes to memory from
    there in each inference anew."""

    bank: int
    address: int
    data: bytes
    copied: bool = False

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(frozen=True, kw_only=True, eq=False)
class Copy:
    """Words that go from flash to word ``address`` of ``bank`` while a layer works.

    They lie behind their descriptor in ``chunk``, which is in flash, and behind the layer's chunk, if
    that is in flash, too. A run of the layer begins there.
    """

    bank: int
    address: int
    chunk: Chunk
    words: bytes

    @property
    def size(self) -> int:
        return len(self.words)


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """Everything that an executor needs.

    ``source`` is the graph as the front end gave it, ``graph`` the one that was compiled;
    ``commands``, ``chunks`` and ``copies`` go together, one or ``None`` for each layer of the core.
    """

    config: AcceleratorConfig
    source: Graph
    graph: Graph
    partition: Partition
    views: Mapping[str, View]
    inputs: tuple[InputMap, ...]
    commands: tuple[Command, ...]
    memory: MemoryPlan
    chunks: tuple[Chunk, ...]
    copies: tuple[Copy | None, ...]

    @property
    def contents(self) -> tuple[Chunk, ...]:
        """What must be in memory and in flash before an inference, in the order of a run."""
        found = []
        for chunk, copy in zip(self.chunks, self.copies, strict=True):
            found += [copy.chunk] if copy else []
            within = copy is not None and chunk.bank == FLASH
            found += [] if chunk.copied or within else [chunk]
        return tuple(found)

    @property
    def entries(self) -> tuple[Chunk, ...]:
        """Where a run of each layer begins."""
        pairs = zip(self.chunks, self.copies, strict=True)
        return tuple(copy.chunk if copy else chunk for chunk, copy in pairs)

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, as the network counts them."""
        return sum(command.macs for command in self.commands)

    @property
    def size_bytes(self) -> int:
        """Bytes of descriptors, records and weights."""
        return sum(len(chunk.data) for chunk in self.chunks)

    @property
    def flash(self) -> bytes:
        """The image that the core must find in its flash; empty where all is in memory."""
        return image_of(self.contents, self.config) if self.memory.flash_bytes else b""

    @property
    def inexact(self) -> tuple[tuple[Command, Inexact], ...]:
        """Channels that are not requantized as the contract says at every sum, with their layers."""
        return tuple((command, one) for command in self.commands for one in command.inexact)

    def placement(self, tensor: str) -> Placement:
        """Where the values of a tensor are, itself or the one that it is a view of."""
        return self.memory.tensors[self.views[tensor].root]

    def stored_tensors(self) -> tuple[str, ...]:
        """The tensors that layers of the core compute, in order and once each."""
        return tuple(dict.fromkeys(command.output for command in self.commands))

    def has(self, tensor: str) -> bool:
        """Whether a tensor's values are to be had: not those that only pass through the core."""
        view = self.views.get(tensor)
        driven = {n for node in self.partition.before + self.partition.behind for n in node.outputs}
        return tensor in driven or (view is not None and view.root in self.memory.tensors)

    def unpack(self, tensor: str, data: np.ndarray) -> np.ndarray:
        """int8 values ``[N, ...]`` of a tensor from its stored bytes, uint8 ``[N, bytes]``."""
        storage, rows = self.placement(tensor).storage, self.config.rows
        channels = storage.channel_words(rows) * rows
        values = data.view(np.int8).reshape(len(data), -1, channels)[..., : storage.channels]
        shape = self.graph.tensor(tensor).shape[1:]
        narrow = self.config.number_format.narrow
        if storage.lanes > 1 and narrow:
            values = narrow.unpack(values.astype(np.int64)) + storage.origin
            values = values.astype(np.int8)
            values = values.reshape(len(data), values.shape[1], -1)[..., : shape[-1]]
        return values.reshape(len(data), *shape)


def compile_graph(
    graph: Graph, config: AcceleratorConfig, *, fuse: bool = True, exact: bool = False
) -> Program:
    """Compile a verified graph for a configuration; options are those of `lower.lower`.

    Raises ``CannotCompile`` with all reasons, or ``DoesNotFit`` where memory is too small.
    """
    passed = run_passes(graph)
    failure, streamed = None, []
    for ordered in orders(passed):
        try:
            program = _compile(graph, lower(ordered, config, fuse=fuse, exact=exact), config)
        except DoesNotFit as error:
            failure = failure or error
            continue
        if not program.memory.flash_bytes:
            return program
        streamed.append(program)
    if streamed:
        return min(streamed, key=lambda program: program.memory.flash_bytes)
    assert failure is not None
    raise failure


def _compile(source: Graph, lowered: Lowered, config: AcceleratorConfig) -> Program:
    commands, memory = balanced(
        lowered.commands,
        lowered.storage,
        lowered.partition.inputs,
        tuple(dict.fromkeys(lowered.views[name].root for name in lowered.partition.outputs)),
        config,
    )
    if memory.parts:
        commands = tuple(
            cut(commands[part.layer], part.first, part.groups, config) for part in memory.parts
        )
    chunks = _link(commands, memory, config)
    return Program(
        config=config,
        source=source,
        graph=lowered.graph,
        partition=lowered.partition,
        views=lowered.views,
        inputs=lowered.inputs,
        commands=commands,
        memory=memory,
        chunks=chunks,
        copies=_copies(chunks, memory, config),
    )


def _link(
    commands: Sequence[Command], memory: MemoryPlan, config: AcceleratorConfig
) -> tuple[Chunk, ...]:
    """Put the addresses into the descriptors and chain the chunks."""
    isa = Isa(config)
    chunks = []
    for index, command in enumerate(commands):
        stream = pack_stream(command, config)
        source, output = memory.tensors[command.source], memory.tensors[command.output]
        last = index == len(commands) - 1
        fields = {
            **command.fields,
            "copy": 0,
            "next": isa.pointer_to(*_entry(memory, 0 if last else index + 1)),
            "last": int(last),
            "input_bank": source.bank,
            "input_base": source.address + command.fields["input_base"],
            "output_base": output.address + command.fields["output_base"],
            "weight_words_less_one": group_weight_words(command, config) - 1,
        }
        data = _descriptor(isa, fields) + stream
        bank, address = memory.chunks[index]
        copied = bool(memory.parts) and memory.parts[index].copied
        chunks.append(Chunk(bank=bank, address=address, data=data, copied=copied))
    return tuple(chunks)


def _descriptor(isa: Isa, fields: Mapping[str, int]) -> bytes:
    return encode(isa.descriptor, fields).to_bytes(isa.descriptor_words * isa.config.rows, "little")


def _entry(memory: MemoryPlan, index: int) -> tuple[int, int]:
    """Where a run of a layer begins: with what is copied while it runs, if there is something."""
    if memory.copies and (address := memory.copies[index]) is not None:
        return FLASH, address
    return memory.chunks[index]


def _copies(
    chunks: Sequence[Chunk], memory: MemoryPlan, config: AcceleratorConfig
) -> tuple[Copy | None, ...]:
    """What is copied while each layer runs."""
    if not memory.parts:
        return (None,) * len(chunks)
    isa, copies = Isa(config), []
    for index, (part, flash) in enumerate(zip(memory.parts, memory.copies, strict=True)):
        piece = part.piece
        if piece is None:
            copies.append(None)
            continue
        whole = chunks[_index(memory.parts, piece)]
        fields = dict.fromkeys(isa.descriptor.members, 0) | {
            "copy": 1,
            "next": isa.pointer_to(*memory.chunks[index]),
            "input_bank": whole.bank,
            "input_base": whole.address + piece.begin,
            "position_outer_step": piece.words - 1,
        }
        within = chunks[index].data if chunks[index].bank == FLASH else b""
        begin, end = (n * config.rows for n in (piece.begin, piece.begin + piece.words))
        words, address = whole.data[begin:end], whole.address + piece.begin
        data = _descriptor(isa, fields) + within + words
        chunk = Chunk(bank=FLASH, address=flash, data=data)
        copies.append(Copy(bank=whole.bank, address=address, chunk=chunk, words=words))
    return tuple(copies)


def _index(parts: Sequence[Part], piece: Piece) -> int:
    """Of the part that a piece is the chunk of."""
    keys = [(part.layer, part.first) for part in parts]
    return keys.index((piece.layer, piece.first))
