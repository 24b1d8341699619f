"""Writes a program as a file that the driver for MicroPython reads, and the driver itself."""

import json
import struct
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from accel.export.description import Description
from accel.export.ends import Step
from accel.export.names import comment

MAGIC = b"accelpy1"
DRIVER = ("accel_driver.py", "accel_links.py", "accel_nodes.py", "example.py")
PROGRAM, README = "program.dat", "README.md"


def write_micropython(
    description: Description, folder: Path, *, baud: int, flash: str = ""
) -> list[str]:
    """Write all files into a folder that is there, and return their names.

    ``baud`` is the rate of the board's line; ``flash`` says how the program gets into the board's
    flash, where it has to be there.
    """
    for name in DRIVER:
        text = files(__package__).joinpath("driver").joinpath(name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (folder / PROGRAM).write_bytes(program_data(description))
    words = _words(description) | {"baud": baud, "flash_how": flash}
    text = _ENVIRONMENT.get_template(f"{README}.jinja").render(**words)
    (folder / README).write_text(text, encoding="utf-8", newline="\n")
    return [*DRIVER, PROGRAM, README]


def program_data(description: Description) -> bytes:
    """The content of ``program.dat``: ``MAGIC``, the length of a text, JSON, and binary data.

    The text refers to the data by offsets. Numbers are little-endian.
    """
    binary = bytearray()

    def put(data: bytes) -> int:
        binary.extend(data)
        return len(binary) - len(data)

    def step(one: Step) -> list[Any]:
        values = {key: value for key, value in one.values.items() if key != "dtype"}
        if "scale" in values:
            values["scale"] = int(np.float32(values["scale"]).view(np.uint32))
        if "inverse" in values:
            values["inverse"] = int(values["inverse"])
        if "table" in values:
            table = values["table"]
            data = table if isinstance(table, bytes) else table.astype("<f4").tobytes()
            values["table"] = put(data)
            if one.kind == "translate":
                signed = graph.tensor(one.target).dtype == "int8"
                values["type"] = "b" if signed else "B"
        return [one.kind, ends.root(one.source), ends.root(one.target), values]

    graph, ends, d = description.program.graph, description.ends, description
    image = [[0, list(d.image_header)], [len(d.image) - len(d.image_crc), list(d.image_crc)]]
    content = {
        "name": d.program.name,
        "contract": graph.contract,
        "identity": list(d.identity),
        "rows": d.rows,
        "entry": d.entry,
        "limit": d.limit,
        "run_flags": d.run_flags,
        "run_ms": d.run_ms,
        "quiet_ms": d.quiet_ms,
        "chunks": [[c.location, len(c.data), put(c.data)] for c in d.chunks],
        "pieces": [
            {
                "source": p.source,
                "location": p.location,
                "words": p.words,
                "lanes": p.lanes,
                "flags": p.flags,
                "spans": put(b"".join(struct.pack("<Hh", *span) for span in p.spans)),
                "count": len(p.spans),
            }
            for p in d.pieces
        ],
        "during": d.during,
        "outputs": [
            {
                "tensor": ends.root(o.tensor),
                "location": o.location,
                "words": o.words,
                "lanes": o.lanes,
                "channels": o.channels,
            }
            for o in d.outputs
        ],
        "image": image if d.image else [],
        "flash": d.flash,
        "inputs": list(graph.inputs),
        "answers": list(graph.outputs),
        "sources": list(d.sources),
        "tensors": {
            name: [graph.tensor(name).dtype, graph.tensor(name).size]
            for name in (*graph.inputs, *graph.outputs)
        },
        "same": dict(ends.same),
        "before": [step(one) for one in ends.before],
        "after": [step(one) for one in ends.after if one.kind != "copy"],
    }
    text = json.dumps(content, sort_keys=True).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + bytes(binary)


def _words(description: Description) -> dict[str, Any]:
    program = description.program
    graph = program.graph
    tensors = []
    for kind, names in (("input", graph.inputs), ("output", graph.outputs)):
        for name in names:
            tensor = graph.tensor(name)
            q = tensor.quantization
            scaled = q is not None and not q.per_channel and tensor.dtype in ("int8", "uint8")
            tensors.append(
                {
                    "kind": kind,
                    "name": comment(name),
                    "dtype": tensor.dtype,
                    "size": tensor.size,
                    "scale": q.scale[0] if q and scaled else None,
                    "zero_point": q.zero_point[0] if q and scaled else None,
                }
            )
    return {
        "name": comment(program.name),
        "contract": graph.contract,
        "config": f"{program.config.rows}x{program.config.columns} {program.config.format}",
        "loaded": sum(len(chunk.data) for chunk in description.chunks),
        "tensors": tensors,
    }


_ENVIRONMENT = Environment(
    loader=PackageLoader(__package__ or "accel.export.micropython"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
