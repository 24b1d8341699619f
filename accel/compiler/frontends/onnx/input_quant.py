"""Quantizers of float inputs that a file has none for, as the user states them.

They are added to the file's records as the operators that an exporter would have written: QONNX's
Quant in low-bit networks, else QuantizeLinear and DequantizeLinear.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...diagnostics import Reason
from .file import FileRecord, NodeRecord
from .low_bit.low_bit import low_bit, spelled

FORM = "[NAME=]SCALE[,ZERO_POINT[,BITS]]"
EXAMPLE = "--input-quant"
FARTHEST_ZERO = 255
_BITS = re.compile(r"(u?)([1-8])")


class BadQuantizer(Exception):
    """A quantizer that cannot be used; ``args[0]`` is the ``Reason``."""


@dataclass(frozen=True, kw_only=True)
class InputQuantizer:
    """Codes of ``bits`` bits, from 0 on if not ``signed``: real = scale * (code - zero_point)."""

    scale: float
    zero_point: int = 0
    bits: int = 8
    signed: bool = True


def remedy(name: str) -> str:
    """What to do about a float input without a quantizer."""
    return (
        f"state the scale of its codes, as in `accel check MODEL --input-quant {name}=0.0078125` "
        "(SCALE, SCALE,ZERO_POINT or SCALE,ZERO_POINT,BITS)"
    )


def parsed(text: str) -> tuple[str, InputQuantizer]:
    """The input's name, empty where none is given, and its quantizer. Raises ``BadQuantizer``."""
    name, equals, numbers = text.rpartition("=")
    parts = [part.strip() for part in numbers.split(",")]
    bits = _BITS.fullmatch(parts[2] if len(parts) > 2 else "8")
    try:
        scale, zero_point = float(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    except ValueError:
        scale, zero_point = math.nan, 0
    good = 2.0**-60 <= scale <= 2.0**60 and len(parts) <= 3 and bits is not None
    if not good or bits is None or (equals and not name) or abs(zero_point) > FARTHEST_ZERO:
        what = f"--input-quant must be {FORM}, with BITS of 1 to 8 or u1 to u8, not {text!r}"
        raise BadQuantizer(Reason(place="", what=what))
    single = float(np.float32(scale))
    return name, InputQuantizer(
        scale=single, zero_point=zero_point, bits=int(bits[2]), signed=not bits[1]
    )


def with_quantizers(record: FileRecord, texts: Sequence[str]) -> FileRecord:
    """The records with a quantizer behind each float input that is named.

    Raises ``BadQuantizer``.
    """
    floats = [port.name for port in record.inputs if port.dtype == "float32"]
    found: dict[str, InputQuantizer] = {}
    for text in texts:
        name, quantizer = parsed(text)
        if not name and len(floats) == 1:
            name = floats[0]
        if name not in floats or name in found:
            what = f"--input-quant must name each of the float inputs {', '.join(floats)} once"
            what = what if floats else "--input-quant is for float inputs, and there are none"
            raise BadQuantizer(Reason(place="", what=f"{what}, not {text!r}"))
        found[name] = quantizer
    for name, quantizer in found.items():
        record = _with(record, name, quantizer)
    return record


def _with(record: FileRecord, name: str, q: InputQuantizer) -> FileRecord:
    taken = {*record.constants, *(o for node in record.nodes for o in node.outputs)}
    stem = f"{name}_stated"
    while any(other.startswith(stem) for other in taken):
        stem += "_"
    scale, zero, bits = f"{stem}_scale", f"{stem}_zero_point", f"{stem}_bits"
    constants = {**record.constants, scale: np.asarray(q.scale, np.float32)}
    index = len(record.nodes)
    added: list[NodeRecord] = []

    def add(spelling: str, inputs: tuple[str, ...], output: str, **attributes: object) -> None:
        added.append(
            NodeRecord(
                index=index + len(added),
                spelling=spelling,
                domain=spelling.rpartition(".")[0],
                inputs=inputs,
                outputs=(output,),
                attributes=dict(attributes),
                added=name,
            )
        )

    if low_bit(record):
        constants |= {
            zero: np.asarray(q.zero_point, np.float32),
            bits: np.asarray(q.bits, np.float32),
        }
        add(
            spelled("Quant")[0], (name, scale, zero, bits), stem,
            signed=int(q.signed), narrow=0, rounding_mode="ROUND",
        )  # fmt: skip
    else:
        dtype = np.dtype(np.int8 if q.signed else np.uint8)
        limits = np.iinfo(dtype)
        if q.bits != 8 or not limits.min <= q.zero_point <= limits.max:
            what = f"--input-quant must be of 8 bits here, with a zero point of {dtype.name}"
            raise BadQuantizer(Reason(place="", what=f"{what}, not {q.zero_point},{q.bits}"))
        constants[zero] = np.asarray(q.zero_point, dtype)
        add("QuantizeLinear", (name, scale, zero), f"{stem}_codes")
        add("DequantizeLinear", (f"{stem}_codes", scale, zero), stem)
    nodes = [_reading(node, {name: stem}) for node in record.nodes]
    return replace(record, nodes=(*nodes, *added), constants=constants)


def _reading(node: NodeRecord, names: Mapping[str, str]) -> NodeRecord:
    return replace(node, inputs=tuple(names.get(name, name) for name in node.inputs))
