"""What a pass of the compiler made, as text: those parts of the compilation that it changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

from ...config import FLASH
from ..diagnostics import escaped
from ..ir.command import LayerCommand
from ..ir.layer import Convolution
from ..pipeline import PASSES, Compilation


class PassTexts:
    """What each pass made, as texts by file name: the ``watch`` of `compile.compile_graph`.

    Where several orders of the nodes are tried, the files of each order but the first are in a
    folder of their own.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._before: Compilation | None = None

    def __call__(self, name: str, made: Compilation) -> None:
        number = [other for other, _ in PASSES].index(name)
        folder = f"order{made.order}/" if made.order else ""
        text = text_of(name, self._before if number else None, made)
        self.texts[f"{folder}{number + 1:02}_{name}.txt"] = text
        self._before = made

    def write(self, folder: Path) -> None:
        """Write all of them into a folder."""
        for name, text in self.texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def text_of(name: str, before: Compilation | None, made: Compilation) -> str:
    """What a pass made: the parts of a compilation that differ from those ``before`` it."""
    purpose = (dict(PASSES)[name].__doc__ or "").strip()
    lines = [f"{name}: {purpose}", ""]
    changed = False
    for title, part, write in _SECTIONS:
        new, old = getattr(made, part), getattr(before, part, None)
        written = [f"  {line}" for line in write(made)] if new and new != old else []
        if written:
            lines += [f"{title}:", *written, ""]
            changed = True
    return "\n".join(lines if changed else [*lines, "Nothing changed.", ""])


def _graph(c: Compilation) -> Iterator[str]:
    for node in c.graph:
        reads = ", ".join(escaped(name) for name in node.inputs)
        yield f"{node.name} = {node.operator}({reads}) -> {', '.join(map(escaped, node.outputs))}"
    for name, tensor in c.graph.tensors.items():
        kind = "constant" if tensor.constant else "tensor"
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        yield f"{kind} {escaped(name)}: {tensor.dtype} {shape}"


def _partition(c: Compilation) -> Iterator[str]:
    parts = c.parts
    for segment in parts.segments:
        yield f"driver: {', '.join(node.name for node in segment.driver) or 'nothing'}"
        yield f"into the core: {', '.join(map(escaped, segment.inputs))}"
        yield f"core: {', '.join(node.name for node in segment.core) or 'nothing'}"
        yield f"out of the core: {', '.join(map(escaped, segment.outputs))}"
    yield f"driver: {', '.join(node.name for node in parts.after) or 'nothing'}"
    for state in parts.kept:
        yield f"the driver keeps {escaped(state.written)} as {escaped(state.read)}"


def _views(c: Compilation) -> Iterator[str]:
    for name, alias in c.aliases.items():
        if alias.root != name:
            yield f"{escaped(name)} is {escaped(alias.root)}"


def _homes(c: Compilation) -> Iterator[str]:
    for new, old in c.homes.items():
        yield f"{escaped(new)} takes the place of {escaped(old)}"


def _layers(c: Compilation) -> Iterator[str]:
    for layer in c.layers:
        yield _layer(layer)


def _layer(c: Convolution) -> str:
    kind = "copy" if c.is_copy_in_place else "depthwise" if c.depthwise else "dense"
    height, width = c.kernel
    then = ""
    if c.post_op:
        tables = ", lookup tables" if c.post_op.lookup_tables else ""
        then = ", maximum" if c.post_op.maximum else tables
        then += f", combined with {escaped(c.residual)}" if c.residual else ""
    return (
        f"{c.name}: {kind} {height}x{width}, stride {c.stride[0]}x{c.stride[1]}, "
        f"{_shape(c.input_shape)} of {escaped(c.source)} -> {c.region.height}x{c.region.width}x"
        f"{c.channels} of {_shape(c.output_shape)} of {escaped(c.output)}{then}"
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _inputs(c: Compilation) -> Iterator[str]:
    for one in c.inputs:
        yield f"{escaped(one.tensor)} lies as {_shape(one.index.shape)}"


def _layouts(c: Compilation) -> Iterator[str]:
    for name, layout in c.layouts.items():
        factor, words = layout.packing_factor, layout.words(c.config.rows)
        packed = f", {factor} channels in a byte" if factor > 1 else ""
        yield f"{escaped(name)}: {_shape(layout.shape)}, {words} words{packed}"


def _commands(c: Compilation) -> Iterator[str]:
    for command in c.commands:
        yield _command(command)


def _command(c: LayerCommand) -> str:
    groups, steps, columns = c.weights.shape
    part = f", part {c.part + 1} of {c.parts} of K" if c.parts > 1 else ""
    return f"{c.name}: {c.mode}, {groups} groups of {columns} columns, {steps} steps a tile{part}"


def _memory(c: Compilation) -> Iterator[str]:
    for name, place in c.plan.tensors.items():
        end = place.address + place.layout.words(c.config.rows)
        yield f"{escaped(name)}: bank {place.bank}, words {place.address} to {end - 1}"
    banks = zip(c.plan.activation_words, c.plan.used_words, strict=True)
    for bank, (activations, used) in enumerate(banks):
        yield f"bank {bank}: {used} of {c.config.bank_words} words, {activations} for activations"
    if c.plan.flash_bytes:
        yield f"flash: {c.plan.flash_bytes} bytes"


def _chunks(c: Compilation) -> Iterator[str]:
    for command, chunk in zip(c.commands, c.chunks, strict=True):
        place = "flash" if chunk.bank == FLASH else f"bank {chunk.bank}"
        yield f"{command.name}: {chunk.size} bytes at {chunk.address} of {place}"


def _transfers(c: Compilation) -> Iterator[str]:
    for command, transfer in zip(c.commands, c.transfers, strict=True):
        if transfer:
            place = f"word {transfer.address} of bank {transfer.bank}"
            yield f"while {command.name} runs: {transfer.size} bytes to {place}"


_SECTIONS: tuple[tuple[str, str, Callable[[Compilation], Iterator[str]]], ...] = (
    ("graph", "graph", _graph),
    ("partition", "partition", _partition),
    ("tensors that share memory", "aliases", _views),
    ("states", "homes", _homes),
    ("layers", "layers", _layers),
    ("inputs", "inputs", _inputs),
    ("tensors in memory", "layouts", _layouts),
    ("commands", "commands", _commands),
    ("memory", "memory", _memory),
    ("chunks", "chunks", _chunks),
    ("DMA transfers from flash", "transfers", _transfers),
)
