"""A program from what the section of a program file says of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...config import BANKS, FLASH, AcceleratorConfig
from ..graph.host_partition import Partition, Segment
from ..ir.graph import Graph, Node
from ..ir.tensor_layout import Alias
from ..lowering.input_im2col import InputMap
from ..memory.allocation import Placement
from ..operators import OPERATORS
from .description import Description, StoredChunk, StoredState
from .executable import Chunk, DmaTransfer, StateHome
from .records import BadDescription, Get, decode
from .stored_program import StoredLayer, StoredProgram, TransferPlace


def program_of(d: Description, get: Get, flash: bytes) -> StoredProgram:
    """The program that is described; ``flash`` is the image without its CRC.

    What it says is checked by `stored_checks` afterwards. Raises ``BadDescription``.
    """
    network = d.network

    def restored(nodes: Sequence[Node]) -> tuple[Node, ...]:
        return tuple(_node(node, get) for node in nodes)

    parts = Partition(
        tuple(
            Segment(restored(one.driver), restored(one.decoded), one.inputs, one.outputs)
            for one in network.segments
        ),
        restored(network.after),
        network.kept,
    )
    if not parts.segments:
        raise BadDescription("a network without a segment")
    if sorted(o.tensor for o in d.outputs) != sorted(parts.outputs):
        raise BadDescription("outputs that are those of no segment, or are there twice")
    nodes = (node for one in parts.segments for node in (*one.driver, *one.core))
    graph = Graph(
        name=d.name,
        contract=d.contract,
        tensors={tensor.name: tensor for tensor in network.tensors},
        nodes=(*nodes, *parts.after),
        inputs=network.inputs,
        outputs=network.outputs,
        batch=network.batch,
        unbatched=frozenset(network.unbatched),
    )
    contents = tuple(_loaded(d.configuration, one, flash) for one in d.chunks)
    chunks, transfers = linked(d.configuration, d.layers, contents, flash)
    inputs = tuple(
        InputMap(tensor=i.tensor, index=_three(i.index, i.tensor), pad=i.pad, source=i.source)
        for i in d.inputs
    )
    places = {
        one.tensor: Placement(stored.bank, stored.address, one.layout)
        for stored, one in zip(d.inputs, inputs, strict=True)
    }
    places |= {o.root: Placement(o.bank, o.address, o.layout) for o in d.outputs}
    return StoredProgram(
        config=d.configuration,
        graph=graph,
        partition=parts,
        aliases={o.tensor: Alias(o.root, o.layout) for o in d.outputs},
        inputs=inputs,
        commands=d.layers,
        first_layers=tuple(one.first_layer for one in network.segments),
        chunks=chunks,
        transfers=transfers,
        placements=places,
        sums={o.root: o.index.astype(np.int64) for o in d.outputs if o.index is not None},
        written=d.pieces,
        bank_words=d.used_words,
        homes=tuple(_home(one) for one in d.states),
        sensitive=network.order_sensitive,
        in_order=network.added_by_driver,
        labels=d.labels,
        board=d.board,
    )


def _home(one: StoredState) -> StateHome:
    place = Placement(one.bank, one.address, one.layout)
    return StateHome(name=one.name, tensor=one.tensor, place=place, initial=one.initial)


def _node(node: Node, get: Get) -> Node:
    """A node with attributes of its operator's own class."""
    if node.operator not in OPERATORS:
        raise BadDescription(f"node {node.name[:40]!r} is of an unknown operator")
    kind = OPERATORS[node.operator].attributes
    return replace(node, attributes=decode(kind, node.attributes, get, f"node {node.name[:40]!r}"))


def _three(index: np.ndarray, name: str) -> np.ndarray:
    if index.dtype != np.int32 or index.ndim != 3:
        raise BadDescription(f"index of input {name[:40]!r} must be int32 of three dimensions")
    return index.astype(np.int64)


def _loaded(config: AcceleratorConfig, one: StoredChunk, flash: bytes) -> Chunk:
    inside = one.bank in (0, 1) and one.address >= 0 and one.data is not None
    if one.bank == FLASH and config.flash_lanes and one.data is None:
        return Chunk(bank=FLASH, address=one.address, data=bytes(cut(flash, one.address, one.size)))
    if not inside or one.data is None or one.data.dtype != np.uint8 or one.data.size != one.size:
        raise BadDescription("a chunk outside the memory")
    if one.size % config.rows or one.address + one.size // config.rows > config.bank_words:
        raise BadDescription("a chunk outside the memory")
    return Chunk(bank=one.bank, address=one.address, data=one.data.tobytes())


def cut(data: bytes | bytearray, start: int, size: int) -> bytes | bytearray:
    """Some bytes of data. Raises ``BadDescription`` where they are not within."""
    if not 0 <= start <= start + size <= len(data):
        raise BadDescription("data outside the file")
    return data[start : start + size]


def linked(
    config: AcceleratorConfig,
    layers: Sequence[StoredLayer],
    contents: Sequence[Chunk],
    flash: bytes,
) -> tuple[tuple[Chunk, ...], tuple[DmaTransfer | None, ...]]:
    """The chunk and the DMA transfer of each layer, from what is loaded before a run.

    A prefetched chunk is what the transfers of the layers before have put into its place.
    """
    loaded = {(chunk.bank, chunk.address): chunk for chunk in contents}
    prefetching = any(layer.chunk.prefetched for layer in layers)
    memory = [bytearray(config.bank_words * config.rows * prefetching) for _ in range(BANKS)]
    for chunk in contents if prefetching else ():
        _write(memory, config, chunk.bank, chunk.address, chunk.data)
    chunks, transfers = [], []
    for layer in layers:
        place, moved = layer.chunk, layer.transfer
        if place.prefetched:
            if place.bank not in (0, 1):
                raise BadDescription("a prefetched chunk outside the memory")
            data = bytes(cut(memory[place.bank], place.address * config.rows, place.size))
        elif place.bank == FLASH:
            data = bytes(cut(flash, place.address, place.size))
        else:
            found = loaded.get((place.bank, place.address))
            data = found.data if found else b""
        if len(data) != place.size or not data:
            raise BadDescription(f"layer {layer.name[:40]!r} has no chunk")
        chunk = Chunk(
            bank=place.bank, address=place.address, data=data, prefetched=place.prefetched
        )
        chunks.append(chunk)
        transfers.append(_transfer(config, moved, loaded) if moved else None)
        last = transfers[-1]
        if last is not None and prefetching:
            _write(memory, config, last.bank, last.address, last.words)
    return tuple(chunks), tuple(transfers)


def _transfer(
    config: AcceleratorConfig, one: TransferPlace, loaded: dict[tuple[int, int], Chunk]
) -> DmaTransfer:
    chunk = loaded.get((FLASH, one.flash))
    inside = one.bank in (0, 1) and one.address >= 0 and one.size % config.rows == 0
    inside = inside and one.address + one.size // config.rows <= config.bank_words
    if chunk is None or not inside or not 0 < one.size <= chunk.size:
        raise BadDescription("a transfer outside the memory")
    return DmaTransfer(
        bank=one.bank, address=one.address, chunk=chunk, words=chunk.data[-one.size :]
    )


def _write(
    memory: list[bytearray], config: AcceleratorConfig, bank: int, address: int, data: bytes
) -> None:
    if bank != FLASH:
        memory[bank][address * config.rows : address * config.rows + len(data)] = data
