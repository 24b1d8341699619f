"""The quantizer of ONNX Runtime with our settings, and what our front end makes of its result."""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel.compiler.frontends import FRONTENDS, UnsupportedModel
from accel.compiler.ir.graph import Graph

from .runtime import Advance, quiet

METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
FORMS = {"qop": "QOperator", "qdq": "QDQ"}
ACTIVATIONS = {"u8": "QUInt8", "s8": "QInt8"}
CHUNK = 32  # samples whose activations are held at a time, by the methods that need them all
WEIGHTS = ("int8", "int4", "ternary")
IN_FLOAT = ("Softmax", "LogSoftmax")  # the driver computes these, of float32


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to quantize.

    Members
    -------
    method
        How ranges are found: ``minmax``, ``entropy`` or ``percentile``.
    form
        ``qop``, operators on codes; ``qdq``, operators between QuantizeLinear and
        DequantizeLinear; without it ``qop``, and ``qdq`` where our front end cannot read that.
    activations
        ``u8`` or ``s8``. Weights are around 0.
    per_tensor
        Give weights one scale, not one for each output channel.
    weights
        ``int8``; ``int4``, codes -7..7; or ``ternary``, codes -1, 0, 1.
    """

    method: str = "minmax"
    form: str | None = None
    activations: str = "u8"
    per_tensor: bool = False
    weights: str = "int8"


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantized:
    """A quantized network: the file's bytes, its form, and the graph that our front end reads.

    ``moved`` counts scales of weights that are not the quantizer's own.
    """

    data: bytes
    form: str
    graph: Graph
    moved: int = 0


def quantize(
    proto: Any,
    name: str,
    x: np.ndarray,
    settings: Settings,
    advance: Advance | None = None,
) -> Quantized:
    """Quantize a prepared ``onnx.ModelProto`` by samples float32 ``[N, ...]``.

    Raises ``UnsupportedModel`` for what the quantizer refuses, and for results that our front end
    cannot read.
    """
    refused: list[UnsupportedModel] = []
    for form in [settings.form] if settings.form else FORMS:
        data = _quantized(proto, name, x, settings, form, advance)
        try:
            graph = FRONTENDS["onnx"].read(data, f"{name}, quantized")
            return Quantized(data=data, form=form, graph=graph)
        except UnsupportedModel as problem:
            refused.append(problem)
    raise refused[0]


class _Reader:
    """Feeds samples to the calibration, in chunks that it asks for by index."""

    def __init__(self, name: str, x: np.ndarray, advance: Advance | None) -> None:
        self.name, self.x, self.advance = name, x, advance
        self.rest: Iterator[int] = iter(range(len(x)))

    def __len__(self) -> int:
        return math.ceil(len(self.x) / CHUNK)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.rest = iter(range(start_index * CHUNK, min(end_index * CHUNK, len(self.x))))

    def get_next(self) -> dict[str, np.ndarray] | None:
        index = next(self.rest, None)
        if index is None:
            return None
        if self.advance is not None:
            self.advance(index + 1)
        return {self.name: self.x[index : index + 1]}


def _quantized(
    proto: Any,
    name: str,
    x: np.ndarray,
    settings: Settings,
    form: str,
    advance: Advance | None,
) -> bytes:
    import onnx

    with quiet(name) as ort, tempfile.TemporaryDirectory(prefix="accel-quantize-") as folder:
        q = ort.quantization
        before, after = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(proto, before)
        reader = _Reader(proto.graph.input[0].name, x, advance)
        # Histograms are of whole activations; CHUNK samples' lie in memory, not all.
        chunks = {} if settings.method == "minmax" else {"CalibStridedMinMax": 1}
        q.quantize_static(
            str(before),
            str(after),
            reader,
            quant_format=q.QuantFormat[FORMS[form]],
            op_types_to_quantize=sorted({node.op_type for node in proto.graph.node} - {*IN_FLOAT}),
            per_channel=not settings.per_tensor,
            activation_type=q.QuantType[ACTIVATIONS[settings.activations]],
            weight_type=q.QuantType.QInt8,
            calibrate_method=q.CalibrationMethod[METHODS[settings.method]],
            extra_options={"ForceQuantizeNoInputCheck": True, **chunks},
        )
        return after.read_bytes()
