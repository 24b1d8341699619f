"""Makes ISA.md, the page of the core's instruction set, from `accel.isa`.

    python -m accel.core.isa_page > accel/core/ISA.md

Widths depend on a core's size; the page shows those of two. The meaning of a field is the comment
beside it in the source.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping

from amaranth.hdl import Shape
from amaranth.lib import data

from .. import isa
from ..config import AcceleratorConfig
from ..isa import FLASH_UNIT, Isa

CORES: Mapping[str, AcceleratorConfig] = {
    "4x4": AcceleratorConfig(family="ice40up", flash_lanes=4),
    "8x16": AcceleratorConfig(
        rows=8, columns=16, requantizers=8, bank_words=22528, family="ecp5", flash_lanes=4
    ),
}
_DESCRIPTOR = "The descriptor of a layer"
# Of fields that stand side by side in the source, where the formulas above name them.
_PARAMETERS = {
    "early.bias": "added to the sum",
    "early.form": "how many fraction bits the biased sum has",
    "early.tie": "results half-way between two codes go to the even one",
    "early.offset_high": "highest bits of both offsets",
    "early.divisor_high": "highest bit of the divisor, inverted",
    "late.divisor_low": "what the shifted sum is divided by: the other bits, inverted",
    "offset.low": "added before the division: the other bits",
    "offset_negative.low": "the same where the biased sum is negative",
    "value": "what a code of one operand adds",
    "next": "the pointer to the chunk of the layer that works meanwhile",
    "dma": "this is a transfer, no layer",
    "bank": "where the words go",
    "address": "where the first word goes; the others follow",
    "words_less_one": "words of the transfer",
    "memory": "a word: its address, then its bank",
    "high": "further bits of a unit's number in flash",
    "flash": "the chunk is in flash",
}
_FIELD = re.compile(r'"(\w+)": [^#\n]*?[,}]+\)?\s+# (.*)$')


def page(cores: Mapping[str, AcceleratorConfig] = CORES) -> str:
    """The whole page, in Markdown."""
    return "\n".join(_page(cores)) + "\n"


def _page(cores: Mapping[str, AcceleratorConfig]) -> Iterator[str]:
    names = list(cores)
    yield "# Instruction set"
    yield ""
    yield (
        "Made by `python -m accel.core.isa_page` from [accel/isa.py](../isa.py), which compiler "
        "and core share."
    )
    yield from _introduction()
    yield ""
    yield f"Widths in bits are those of two cores, {' and '.join(names)}, with a flash."
    yield from _section(_DESCRIPTOR, cores, lambda one: one.descriptor)
    sizes = ", ".join(f"{one.descriptor_words} ({name})" for name, one in _isas(cores))
    yield ""
    yield f"Memory words of a descriptor: {sizes}."
    yield from _section("The descriptor of a DMA transfer", cores, lambda one: one.dma_descriptor)
    yield ""
    yield "It is as long as that of a layer; bits that are in none of its fields mean nothing."
    yield from _section("A pointer", cores, lambda one: one.pointer)
    yield ""
    yield (
        f"Chunks in flash begin at multiples of {FLASH_UNIT} bytes, and a pointer to one counts in "
        "these."
    )
    yield from _section("The parameters of an output channel", cores, _parameters)
    sizes = ", ".join(f"{one.channel_parameter_words} ({name})" for name, one in _isas(cores))
    yield ""
    yield (
        f"Memory words of a channel: {sizes}. An offset is stored as two parts, without its zero "
        "bits."
    )
    yield from _section("An entry of the lookup tables", cores, lambda one: one.table_entry)


def _isas(cores: Mapping[str, AcceleratorConfig]) -> list[tuple[str, Isa]]:
    return [(name, Isa(config)) for name, config in cores.items()]


def _introduction() -> Iterator[str]:
    """The module's docstring as Markdown; formulas and the table of flags as they stand."""
    for block in inspect.cleandoc(isa.__doc__ or "").split("\n\n")[1:]:
        yield ""
        if block.startswith((" ", "==")):
            yield from ("```text", *block.splitlines(), "```")
        else:
            yield from re.sub(r"::$", ":", block).replace("``", "`").splitlines()


def _parameters(one: Isa) -> data.StructLayout:
    """All of a channel's parameters side by side, each with its part's name in front."""
    return data.StructLayout(
        {
            f"{part}.{name}": field.shape
            for part, layout in one.channel_parameters.items()
            for name, field in layout
        }
    )


def _section(
    title: str, cores: Mapping[str, AcceleratorConfig], of: Callable[[Isa], data.Layout]
) -> Iterator[str]:
    """A table of a layout's fields, lowest bits first."""
    meanings = _meanings() if title == _DESCRIPTOR else _PARAMETERS
    layouts = [{str(name): field for name, field in of(one)} for _, one in _isas(cores)]
    everything = list(dict.fromkeys(name for layout in layouts for name in layout))
    everything.sort(key=lambda name: max(_place(layout, name) for layout in layouts))
    yield ""
    yield f"## {title}"
    yield ""
    yield "| field | " + " | ".join(cores) + " | meaning |"
    yield "|---|" + "---|" * len(cores) + "---|"
    for name in everything:
        widths = [_width(layout[name]) if name in layout else "" for layout in layouts]
        yield f"| `{name}` | " + " | ".join(widths) + f" | {meanings.get(name, '')} |"


def _place(layout: Mapping[str, data.Field], name: str) -> int:
    return layout[name].offset if name in layout else -1


def _width(field: data.Field) -> str:
    shape = field.shape
    bits = shape.size if isinstance(shape, data.Layout) else Shape.cast(shape).width
    signed = not isinstance(shape, data.Layout) and Shape.cast(shape).signed
    return f"{bits}, signed" if signed else str(bits)


def _meanings() -> dict[str, str]:
    """What the source says of each field, in the comment on its line."""
    lines = inspect.getsource(isa).splitlines()
    found = (_FIELD.search(line) for line in lines)
    return {one[1]: one[2].replace("|", "\\|") for one in found if one}


if __name__ == "__main__":
    print(page(), end="")
