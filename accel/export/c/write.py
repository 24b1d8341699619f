"""Writes a program with its driver as C sources. The driver itself is fixed text, in `driver`."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from accel.export.description import Description
from accel.export.names import comment
from accel.export.places import places_of

TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "float32": "float",
    "int32": "int32_t",
    "int64": "int32_t",  # indices of at most 2^15
}
DRIVER = ("accel.h", "accel.c", "accel_nodes.h", "accel_nodes.c", "accel_softmax_float.c", "main.c")
MADE = ("program.h", "program.c", "README.md")
_ON_A_LINE = 16


def write_c(description: Description, folder: Path, *, baud: int, flash: str = "") -> list[str]:
    """Write all files into a folder that is there, and return their names.

    ``baud`` is the rate of the board's line; ``flash`` says how the program gets into the board's
    flash, where it has to be there.
    """
    names = [name for name in DRIVER if name != "accel_softmax_float.c" or _has_floats(description)]
    for name in names:
        text = files(__package__).joinpath("driver").joinpath(name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    words = _words(description) | {"sources": [n for n in names if n.endswith(".c")]}
    words |= {"baud": baud, "flash_how": flash}
    for name in MADE:
        text = _ENVIRONMENT.get_template(f"{name}.jinja").render(**words)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [*names, *MADE]


def _has_floats(description: Description) -> bool:
    return any(step.kind == "softmax_float" for step in description.ends.after)


def _words(description: Description) -> dict[str, Any]:
    places, program = places_of(description), description.program
    graph = program.graph

    def tensors(names: Iterable[str], identifiers: Any) -> list[dict[str, Any]]:
        found = []
        for name in names:
            tensor = graph.tensor(name)
            q = tensor.quantization
            scaled = q is not None and not q.per_channel and tensor.dtype in ("int8", "uint8")
            found.append(
                {
                    "name": identifiers[name],
                    "type": TYPES[tensor.dtype],
                    "size": tensor.size,
                    "shape": " x ".join(map(str, tensor.shape[1:])) or "1",
                    "original": comment(name),
                    "scale": q.scale[0] if q and scaled else None,
                    "zero_point": q.zero_point[0] if q and scaled else None,
                }
            )
        return found

    def where(name: str) -> str:
        kind, identifier = places.found[description.ends.root(name)]
        return f"{kind}->{identifier}" if kind else identifier

    return {
        "d": description,
        "name": comment(program.name),
        "contract": program.graph.contract,
        "config": f"{program.config.rows}x{program.config.columns} {program.config.format}",
        "inputs": tensors(graph.inputs, places.inputs),
        "outputs": tensors(graph.outputs, places.outputs),
        "buffers": list(places.buffers.values()),
        "types": TYPES,
        "where": where,
        "copies": {name: f"out->{identifier}" for name, identifier in places.outputs.items()},
        "steps": list(enumerate((*description.ends.before, *description.ends.after))),
        "before": len(description.ends.before),
        "loaded": sum(len(chunk.data) for chunk in description.chunks),
    }


def _number(value: float) -> str:
    """A float32 number as C has it."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if {"e", "."} & set(text) else f"{text}.0f"


def _rows(values: Iterable[Any]) -> str:
    """Numbers in lines."""
    words = [_number(float(v)) if isinstance(v, np.floating) else str(int(v)) for v in values]
    rows = (words[k : k + _ON_A_LINE] for k in range(0, len(words), _ON_A_LINE))
    return ",\n".join("    " + ", ".join(row) for row in rows)


def _pairs(values: Iterable[tuple[int, int]]) -> str:
    words = [f"{{{count}, {step}}}" for count, step in values]
    rows = (words[k : k + _ON_A_LINE // 2] for k in range(0, len(words), _ON_A_LINE // 2))
    return ",\n".join("    " + ", ".join(row) for row in rows)


_ENVIRONMENT = Environment(
    loader=PackageLoader(__package__ or "accel.export.c"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {"number": _number, "rows": _rows, "pairs": _pairs}
