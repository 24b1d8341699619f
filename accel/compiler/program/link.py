"""Fills addresses into descriptors, links the chunks, and makes the DMA transfers from flash."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...config import FLASH, AcceleratorConfig
from ...isa import Isa
from ..ir.command import LayerCommand
from ..ir.descriptor import TransferDescriptor
from ..ir.segment_starts import segment_starts
from ..ir.stream import group_weight_words, pack_stream
from ..memory.allocation import NONE_LATER, MemoryPlan
from ..memory.layer_parts import LayerPart, PrefetchSlice
from ..memory.pieces import pieces
from .program import Chunk, DmaTransfer


def link_chunks(
    commands: Sequence[LayerCommand],
    memory: MemoryPlan,
    inputs: Sequence[str],
    config: AcceleratorConfig,
    later: Mapping[str, int] = NONE_LATER,
) -> tuple[Chunk, ...]:
    """The chunks: descriptors with addresses, each linked to the next, and what layers stream.

    ``inputs`` are those of the core in the order in which they are written, ``later`` those that
    are before another segment than the first: each segment ends as a program does.
    """
    isa = Isa(config)
    chunks = []
    streams = [pack_stream(command, config) for command in commands]
    words = [isa.descriptor_words + len(stream) // config.rows for stream in streams]
    found = pieces(commands, memory, words, inputs, config, later)
    freeing = {piece.after for piece in found if piece.takes}
    ends = {*segment_starts(commands, later), len(commands)}
    waiting = {piece.reader for piece in found}
    for index, (command, stream) in enumerate(zip(commands, streams, strict=True)):
        source, output = memory.tensors[command.source], memory.tensors[command.output]
        kept = memory.tensors[command.addend or command.output].address
        following = (index + 1) % len(commands)
        descriptor = replace(
            command.descriptor,
            next=isa.pointer_to(*_entry(memory, following)),
            last=index + 1 in ends,
            wait=command.descriptor.wait or index in waiting,
            release=index in freeing,
            input_bank=source.bank,
            input_base=source.address + command.descriptor.input_base,
            output_base=output.address + output.layout.head + command.descriptor.output_base,
            sums_base=command.descriptor.sums_base + kept // config.sums_tile_words
            if command.descriptor.sums
            else 0,
            weight_words=group_weight_words(command, config),
        )
        data = descriptor.to_bytes(isa) + stream
        bank, address = memory.chunks[index]
        prefetched = bool(memory.parts) and memory.parts[index].prefetched
        chunks.append(Chunk(bank=bank, address=address, data=data, prefetched=prefetched))
    return tuple(chunks)


def _entry(memory: MemoryPlan, index: int) -> tuple[int, int]:
    """Bank and address where a layer's run begins: at its DMA transfer if it has one."""
    if memory.transfers and (address := memory.transfers[index]) is not None:
        return FLASH, address
    return memory.chunks[index]


def dma_transfers(
    chunks: Sequence[Chunk], memory: MemoryPlan, config: AcceleratorConfig
) -> tuple[DmaTransfer | None, ...]:
    """The DMA transfer that goes with each layer, None where there is none."""
    if not memory.parts:
        return (None,) * len(chunks)
    isa = Isa(config)
    transfers: list[DmaTransfer | None] = []
    for index, (part, flash) in enumerate(zip(memory.parts, memory.transfers, strict=True)):
        prefetch = part.prefetch
        if prefetch is None or flash is None:
            transfers.append(None)
            continue
        whole = chunks[_index(memory.parts, prefetch)]
        address = whole.address + prefetch.begin
        descriptor = TransferDescriptor(
            next=isa.pointer_to(*memory.chunks[index]),
            bank=whole.bank,
            address=address,
            words=prefetch.words,
        )
        within = chunks[index].data if chunks[index].bank == FLASH else b""
        begin, end = (n * config.rows for n in (prefetch.begin, prefetch.begin + prefetch.words))
        words = whole.data[begin:end]
        data = descriptor.to_bytes(isa) + within + words
        chunk = Chunk(bank=FLASH, address=flash, data=data)
        transfers.append(DmaTransfer(bank=whole.bank, address=address, chunk=chunk, words=words))
    return tuple(transfers)


def _index(parts: Sequence[LayerPart], prefetch: PrefetchSlice) -> int:
    """The index of the layer part whose chunk a prefetch slice belongs to."""
    keys = [(part.layer, part.first) for part in parts]
    return keys.index((prefetch.layer, prefetch.first))
