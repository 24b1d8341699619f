"""What the section of a program file says of a program, as records."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...config import FLASH, AcceleratorConfig
from ..graph.accumulation_order import OrderSensitive
from ..graph.host_partition import Segment
from ..ir.graph import Node, State, Tensor
from ..ir.tensor_layout import TensorLayout
from ..lowering.input_im2col import InputMap
from ..memory.pieces import Piece
from ..operators import OPERATORS, Index
from .executable import CoreExecutable, DmaTransfer, StateHome
from .stored_program import ChunkPlace, Figures, StoredLayer, TransferPlace


@dataclass(frozen=True, kw_only=True)
class StoredChunk:
    """What is loaded before a run: ``data``, uint8, to a word of a bank; in flash, ``size`` bytes
    of the image from byte ``address`` on."""

    bank: int
    address: int
    size: int
    data: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class StoredInput:
    """How an input is written: ``index`` and ``pad`` as in `InputMap`."""

    tensor: str
    source: str
    bank: int
    address: int
    pad: int
    index: np.ndarray


@dataclass(frozen=True, kw_only=True)
class StoredOutput:
    """Where a tensor is that leaves the core, as the tensor ``root`` lies in memory.

    Of 32-bit sums ``index`` says where each value's bytes are, int32 ``[values, 4]``.
    """

    tensor: str
    root: str
    bank: int
    address: int
    layout: TensorLayout
    index: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class StoredState:
    """A state as in `StateHome`; its initial value is among the chunks, too."""

    name: str
    tensor: str
    bank: int
    address: int
    layout: TensorLayout
    initial: np.ndarray


@dataclass(frozen=True, kw_only=True)
class StoredSegment:
    """A segment of the network, see `Segment`: the nodes that the driver computes before a run of
    the core, from its layer ``first_layer`` on.

    ``decoded`` are nodes of the core whose results the driver decodes.
    """

    driver: tuple[Node, ...]
    decoded: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    first_layer: int


@dataclass(frozen=True, kw_only=True)
class Network:
    """The network as its user sees it, its segments, the nodes that the driver computes after the
    last one, and the states that it keeps."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batch: int
    unbatched: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    segments: tuple[StoredSegment, ...]
    after: tuple[Node, ...]
    kept: tuple[State, ...]
    order_sensitive: tuple[OrderSensitive, ...]
    added_by_driver: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """All of the section's JSON part."""

    name: str
    contract: str
    board: str | None
    labels: tuple[str, ...]
    configuration: AcceleratorConfig
    network: Network
    inputs: tuple[StoredInput, ...]
    outputs: tuple[StoredOutput, ...]
    states: tuple[StoredState, ...]
    pieces: tuple[Piece, ...]
    layers: tuple[StoredLayer, ...]
    chunks: tuple[StoredChunk, ...]
    used_words: tuple[int, int]


def describe(
    program: CoreExecutable,
    figures: Sequence[Figures],
    labels: Sequence[str] = (),
    board: str | None = None,
) -> Description:
    """The description of a program, with what each of its layers takes."""
    layers = zip(program.commands, program.chunks, program.transfers, figures, strict=True)
    used = program.used_words
    return Description(
        name=program.name,
        contract=program.graph.contract,
        board=board,
        labels=tuple(labels),
        configuration=program.config,
        network=_network(program),
        inputs=tuple(_input(program, one) for one in program.inputs),
        outputs=tuple(_output(program, name) for name in program.partition.outputs),
        states=tuple(_state(one) for one in program.states),
        pieces=program.pieces,
        layers=tuple(
            StoredLayer(
                name=command.name,
                node=command.node,
                mode=command.mode,
                macs=command.macs,
                output=command.output,
                inexact=command.inexact,
                band=command.band,
                part=command.part,
                parts=command.parts,
                chunk=ChunkPlace(
                    bank=chunk.bank,
                    address=chunk.address,
                    size=chunk.size,
                    prefetched=chunk.prefetched,
                ),
                transfer=_moved(transfer),
                figures=taken,
            )
            for command, chunk, transfer, taken in layers
        ),
        chunks=tuple(
            StoredChunk(
                bank=chunk.bank,
                address=chunk.address,
                size=chunk.size,
                data=None if chunk.bank == FLASH else np.frombuffer(chunk.data, np.uint8),
            )
            for chunk in program.contents
        ),
        used_words=(used[0], used[1]),
    )


def _state(one: StateHome) -> StoredState:
    place = one.place
    return StoredState(
        name=one.name,
        tensor=one.tensor,
        bank=place.bank,
        address=place.address,
        layout=place.layout,
        initial=one.initial,
    )


def _moved(transfer: DmaTransfer | None) -> TransferPlace | None:
    if transfer is None:
        return None
    return TransferPlace(
        bank=transfer.bank,
        address=transfer.address,
        size=transfer.size,
        flash=transfer.chunk.address,
    )


def _network(program: CoreExecutable) -> Network:
    graph, parts = program.graph, program.partition
    roots = {program.aliases[name].root for name in parts.outputs}

    def decoded(one: Segment) -> tuple[Node, ...]:
        indices = (node for node in one.core if isinstance(OPERATORS[node.operator], Index))
        return tuple(node for node in indices if roots & {*node.outputs})

    nodes = (*parts.driver, *(node for one in parts.segments for node in decoded(one)))
    named = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    named |= {*graph.inputs, *graph.outputs, *parts.inputs, *parts.outputs, *roots}
    return Network(
        inputs=graph.inputs,
        outputs=graph.outputs,
        batch=graph.batch,
        unbatched=tuple(sorted(graph.unbatched)),
        tensors=tuple(tensor for name, tensor in graph.tensors.items() if name in named),
        segments=tuple(
            StoredSegment(
                driver=one.driver,
                decoded=decoded(one),
                inputs=one.inputs,
                outputs=one.outputs,
                first_layer=start,
            )
            for one, start in zip(parts.segments, program.starts, strict=True)
        ),
        after=parts.after,
        kept=parts.kept,
        order_sensitive=program.order_sensitive,
        added_by_driver=program.added_by_driver,
    )


def _input(program: CoreExecutable, one: InputMap) -> StoredInput:
    place = program.placement(one.tensor)
    return StoredInput(
        tensor=one.tensor,
        source=one.source,
        bank=place.bank,
        address=place.address,
        pad=one.pad,
        index=one.index.astype(np.int32),
    )


def _output(program: CoreExecutable, name: str) -> StoredOutput:
    place = program.placement(name)
    sums = program.holds_sums(name)
    return StoredOutput(
        tensor=name,
        root=program.aliases[name].root,
        bank=place.bank,
        address=place.address,
        layout=place.layout,
        index=program.sums_places(name).astype(np.int32) if sums else None,
    )
