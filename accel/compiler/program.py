"""A compiled network: what to load into a core, where its tensors are, and what the driver adds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..config import AcceleratorConfig
from ..isa import Isa
from .command import Command, Inexact, encode, pack_stream
from .flash import image_of
from .inputs import InputMap
from .ir import Graph
from .lower import Lowered, lower
from .memory import MemoryPlan, Placement, plan
from .order import orders
from .partition import Partition
from .passes import run_passes
from .schedule import DoesNotFit
from .storage import View


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunk:
    """A layer's descriptor and stream: ``data`` go to word ``address`` of ``bank``, or to byte
    ``address`` of the flash's image where that is ``FLASH``."""

    bank: int
    address: int
    data: bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """Everything that an executor needs.

    ``source`` is the graph as the front end gave it, ``graph`` the one that was compiled;
    ``commands`` and ``chunks`` go together, one for each layer of the core.
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
        return image_of(self.chunks, self.config) if self.memory.flash_bytes else b""

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
    streams = [pack_stream(command, config) for command in lowered.commands]
    header = Isa(config).descriptor_words
    words = [header + len(stream) // config.rows for stream in streams]
    memory = plan(
        lowered.commands,
        lowered.storage,
        lowered.partition.inputs,
        tuple(dict.fromkeys(lowered.views[name].root for name in lowered.partition.outputs)),
        words,
        config,
    )
    return Program(
        config=config,
        source=source,
        graph=lowered.graph,
        partition=lowered.partition,
        views=lowered.views,
        inputs=lowered.inputs,
        commands=lowered.commands,
        memory=memory,
        chunks=_link(lowered, memory, streams, config),
    )


def _link(
    lowered: Lowered, memory: MemoryPlan, streams: list[bytes], config: AcceleratorConfig
) -> tuple[Chunk, ...]:
    """Put the addresses into the descriptors and chain the chunks."""
    isa = Isa(config)
    chunks = []
    for index, (command, stream) in enumerate(zip(lowered.commands, streams, strict=True)):
        source, output = memory.tensors[command.source], memory.tensors[command.output]
        last = index == len(streams) - 1
        bank, address = memory.chunks[0 if last else index + 1]
        fields = {
            **command.fields,
            "next": isa.pointer_to(bank, address),
            "last": int(last),
            "input_bank": source.bank,
            "input_base": source.address + command.fields["input_base"],
            "output_base": output.address + command.fields["output_base"],
            "weight_words_less_one": _weight_words(command, stream, isa) - 1,
        }
        header = encode(isa.descriptor, fields)
        data = header.to_bytes(isa.descriptor_words * config.rows, "little") + stream
        bank, address = memory.chunks[index]
        chunks.append(Chunk(bank=bank, address=address, data=data))
    return tuple(chunks)


def _weight_words(command: Command, stream: bytes, isa: Isa) -> int:
    """Words of one group's weights."""
    config = isa.config
    words = len(stream) // config.rows - isa.table_words(command.fields)
    group = words // len(command.channels)
    return group - config.columns * isa.record_words
