"""Puts addresses into descriptors, chains the chunks, and adds what is copied from flash meanwhile."""

from collections.abc import Mapping, Sequence

from amaranth.lib.data import Layout

from ...config import FLASH, AcceleratorConfig
from ...isa import Isa
from ..ir.command import LayerCommand, encode, group_weight_words, pack_stream
from ..memory.allocation import MemoryPlan
from ..memory.weight_placement import LayerPart, PrefetchSlice
from .program import Chunk, DmaTransfer


def linked(
    commands: Sequence[LayerCommand], memory: MemoryPlan, config: AcceleratorConfig
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
            "dma": 0,
            "next": isa.pointer_to(*_entry(memory, 0 if last else index + 1)),
            "last": int(last),
            "input_bank": source.bank,
            "input_base": source.address + command.fields["input_base"],
            "output_base": output.address + command.fields["output_base"],
            "weight_words_less_one": group_weight_words(command, config) - 1,
        }
        data = _descriptor(isa, isa.descriptor, fields) + stream
        bank, address = memory.chunks[index]
        prefetched = bool(memory.parts) and memory.parts[index].prefetched
        chunks.append(Chunk(bank=bank, address=address, data=data, prefetched=prefetched))
    return tuple(chunks)


def _descriptor(isa: Isa, layout: Layout, fields: Mapping[str, int]) -> bytes:
    return encode(layout, fields).to_bytes(isa.descriptor_words * isa.config.rows, "little")


def _entry(memory: MemoryPlan, index: int) -> tuple[int, int]:
    """Where a run of a layer begins: with what is copied while it runs, if there is something."""
    if memory.transfers and (address := memory.transfers[index]) is not None:
        return FLASH, address
    return memory.chunks[index]


def dma_transfers(
    chunks: Sequence[Chunk], memory: MemoryPlan, config: AcceleratorConfig
) -> tuple[DmaTransfer | None, ...]:
    """What is copied while each layer runs."""
    if not memory.parts:
        return (None,) * len(chunks)
    isa, transfers = Isa(config), []
    for index, (part, flash) in enumerate(zip(memory.parts, memory.transfers, strict=True)):
        prefetch = part.prefetch
        if prefetch is None:
            transfers.append(None)
            continue
        whole = chunks[_index(memory.parts, prefetch)]
        fields = {
            "dma": 1,
            "next": isa.pointer_to(*memory.chunks[index]),
            "bank": whole.bank,
            "address": whole.address + prefetch.begin,
            "words_less_one": prefetch.words - 1,
        }
        within = chunks[index].data if chunks[index].bank == FLASH else b""
        begin, end = (n * config.rows for n in (prefetch.begin, prefetch.begin + prefetch.words))
        words, address = whole.data[begin:end], whole.address + prefetch.begin
        data = _descriptor(isa, isa.dma_descriptor, fields) + within + words
        chunk = Chunk(bank=FLASH, address=flash, data=data)
        transfers.append(DmaTransfer(bank=whole.bank, address=address, chunk=chunk, words=words))
    return tuple(transfers)


def _index(parts: Sequence[LayerPart], prefetch: PrefetchSlice) -> int:
    """Of the part that a piece is the chunk of."""
    keys = [(part.layer, part.first) for part in parts]
    return keys.index((prefetch.layer, prefetch.first))
