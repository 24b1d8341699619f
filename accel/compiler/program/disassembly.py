"""A program as text: addresses of tensors and chunks, and every descriptor field by field."""

from collections.abc import Iterator

from ...config import FLASH
from ...isa import COORDINATE_BITS, Isa
from ...text import escaped
from ..ir.bit_fields import decode
from ..ir.command import LayerCommand
from ..ir.descriptor import Descriptor
from .program import Chunk, CoreProgram

_FIELD_WIDTH = 28
_NAME_WIDTH = 24


def write_listing(program: CoreProgram) -> str:
    """Return the listing of a program. Descriptors are decoded from the chunks' bytes."""
    sections = [_head(program), _tensors(program)]
    for index, (command, chunk) in enumerate(zip(program.commands, program.chunks, strict=True)):
        sections.append(_chunk(index, command, chunk, program))
    sections.append(_driver(program))
    return "\n".join(escaped(line) for section in sections for line in (*section, ""))


def _head(program: CoreProgram) -> Iterator[str]:
    config, memory = program.config, program.memory
    yield f"program {program.name}, contract {program.graph.contract}"
    yield (
        f"core {config.rows}x{config.columns} {config.format}, {config.word_bits}-bit words, "
        f"{config.weight_steps} weight steps, {config.sum_bits}-bit sums"
    )
    yield f"{len(program.chunks)} chunks, {program.size_bytes} bytes, {program.macs} MACs"
    for command, one in program.inexact:
        yield f"not exact: {command.name}, {one}"
    for bank, (activations, used) in enumerate(
        zip(memory.activation_words, memory.used_words, strict=True)
    ):
        yield (
            f"bank {bank}: {used} of {config.bank_words} words, "
            f"{activations} of them for activations"
        )
    if memory.flash_bytes:
        yield f"flash: {memory.flash_bytes} bytes"


def _tensors(program: CoreProgram) -> Iterator[str]:
    yield f"{'tensor':<{_NAME_WIDTH}} location   words  height x width x channels, name"
    for name, place in program.memory.tensors.items():
        shape = " x ".join(str(size) for size in place.layout.shape)
        words = place.layout.words(program.config.rows)
        at = _location(place.bank, place.address)
        yield f"{_short(name, program):<{_NAME_WIDTH}} {at:8} {words:7}  {shape}, {name}"


def _short(tensor: str, program: CoreProgram) -> str:
    """The node that computes a tensor: the names of tensors in files can be very long."""
    if tensor not in program.graph.tensors:  # a layer's own, named in brackets after the output
        own = tensor in {c.addend for c in program.commands}
        return "kept sums" if own else tensor.rpartition("(")[2].rstrip(")")
    node = program.graph.producer(tensor)
    return node.name if node else "input"


def _chunk(index: int, command: LayerCommand, chunk: Chunk, program: CoreProgram) -> Iterator[str]:
    isa, rows = Isa(program.config), program.config.rows
    header_bytes = isa.descriptor_words * rows
    words = len(chunk.data) // rows
    source, output = (_short(name, program) for name in (command.source, command.output))
    transfer = program.transfers[index]
    if transfer:
        start = _location(transfer.chunk.bank, transfer.chunk.address)
        end = _location(transfer.bank, transfer.address)
        yield f"transfer {start} {transfer.size // rows} words -> {end}"
    prefetched = ", prefetched" if chunk.prefetched else ""
    part = f", part {command.part + 1} of {command.parts} of K" if command.parts > 1 else ""
    part += ", whose weights layers before it compute" if command.computed else ""
    yield (
        f"chunk {index} {_location(chunk.bank, chunk.address)} {words} words{prefetched}: "
        f"{command.name}, {command.mode}, {source} -> {output}{part}"
    )
    fields = decode(isa.descriptor, int.from_bytes(chunk.data[:header_bytes], "little"))
    for name, value in fields.items():
        yield f"    {name:<{_FIELD_WIDTH}} {_meaning(name, value, isa)}"
    descriptor = Descriptor.decoded(fields)
    if descriptor.lookup_tables:
        yield f"    lookup tables: {descriptor.table_words(isa)} words"
    yield (
        f"    stream: {descriptor.parameter_groups} x ({descriptor.parameter_words(isa)} words of "
        f"channel parameters, {descriptor.weight_words} words of weights)"
    )


def _meaning(name: str, value: int, isa: Isa) -> str:
    """A field's value; of one that is stored as another what it says, too."""
    if name == "next":
        return _location(*isa.pointed_to(value))
    if name.endswith("_negated"):
        return f"{value} ({(1 << COORDINATE_BITS) - value})"
    return f"{value} ({value + 1})" if name.endswith("_less_one") else str(value)


def _driver(program: CoreProgram) -> Iterator[str]:
    segments = zip(program.partition.segments[1:], program.starts[1:], strict=True)
    for title, nodes in (
        ("before the core", program.partition.before),
        *((f"before chunk {start}", segment.driver) for segment, start in segments),
        ("after the core", program.partition.after),
    ):
        names = ", ".join(node.name for node in nodes) or "nothing"
        yield f"driver computes {title}: {names}"


def _location(bank: int, address: int) -> str:
    return f"flash:{address:06x}" if bank == FLASH else f"{bank}:{address:05x}"
