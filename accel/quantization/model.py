"""A float ONNX network: its file, checked, with data from the file's own folder only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel.compiler.diagnostics import Reason
from accel.compiler.frontends import FRONTENDS, UnsupportedModel, bytes_of, frontend_of

LEAST_OPSET = 13  # the first whose operators say the axis of scales
_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "ConvInteger", "MatMulInteger", "QGemm")


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatModel:
    """A network with one float32 input ``[N, *shape]``.

    Members
    -------
    name
        The file's name.
    proto
        Its ``onnx.ModelProto``, all data inside, the batch as the file has it.
    input, shape
        Name of the input, and the shape of a sample.
    bytes
        Size of the file, with all data inside.
    """

    name: str
    proto: Any
    input: str
    shape: tuple[int, ...]
    bytes: int


def read_model(path: Path) -> FloatModel:
    """Read a float network. Raises ``UnsupportedModel``, with all reasons."""
    found = bytes_of(path)
    name, data = found.name, found.data
    proto = _parsed(data, name)
    reasons = _file_reasons(proto) or _data_reasons(proto)
    if reasons:
        raise UnsupportedModel(name, reasons)
    _drop_initialized_inputs(proto)
    port = proto.graph.input[0]
    shape = tuple(dim.dim_value for dim in port.type.tensor_type.shape.dim)[1:]
    return FloatModel(name=name, proto=proto, input=port.name, shape=shape, bytes=len(data))


def _parsed(data: bytes, name: str) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    frontend = frontend_of(data)
    if frontend is not FRONTENDS["onnx"]:
        what = "is not an ONNX file" if frontend is None else f"is a {frontend.name} file"
        remedy = "export the float network to ONNX, from PyTorch with torch.onnx.export"
        raise UnsupportedModel(name, [Reason(place="", what=what, remedy=remedy)])
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError as problem:
        reason = Reason(place="", what="is a damaged ONNX file", remedy="export it again")
        raise UnsupportedModel(name, [reason]) from problem
    return proto


def _file_reasons(proto: Any) -> list[Reason]:
    from onnx import AttributeProto

    graph = proto.graph
    if not graph.node or not graph.output:
        return [Reason(place="", what="has no operators or no output")]
    for node in graph.node:
        if node.op_type in _QUANTIZED or node.op_type.startswith("QLinear"):
            place = f"operator {node.name or node.output[0]!r} ({node.op_type})"
            why = "the model is quantized already"
            remedy = "use it as it is: accel check MODEL"
            return [Reason(place=place, what="has integer codes", why=why, remedy=remedy)]
    kinds = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    reasons = [
        Reason(
            place=f"operator {node.name or node.output[0]!r} ({node.op_type})",
            what="has a graph of its own",
            remedy="export the model without control flow",
        )
        for node in graph.node
        if any(attribute.type in kinds for attribute in node.attribute)
    ]
    known = {tensor.name for tensor in graph.initializer}
    inputs = [port for port in graph.input if port.name not in known]
    if len(inputs) != 1:
        names = ", ".join(port.name for port in inputs) or "none"
        what = f"has {len(inputs)} inputs ({names})"
        reasons.append(Reason(place="", what=what, remedy="give a network with one"))
    for port in inputs:
        reasons += _port_reasons(port)
    return reasons


def _port_reasons(port: Any) -> list[Reason]:
    from onnx import TensorProto

    place, tensor = f"input {port.name!r}", port.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        return [Reason(place=place, what=f"is {kind}, not float32", remedy="export it in float32")]
    if not tensor.HasField("shape") or len(tensor.shape.dim) < 2:
        what = "has no shape of a batch of samples"
        return [Reason(place=place, what=what, remedy="export it with a shape [N, ...]")]
    free = [
        f"{axis} ({dim.dim_param})" if dim.dim_param else str(axis)
        for axis, dim in enumerate(tensor.shape.dim)
        if axis and dim.dim_value <= 0
    ]
    if free:
        what = f"has no fixed size in dimension {', '.join(free)}"
        remedy = "export the model with fixed shapes; only the batch may be dynamic"
        return [Reason(place=place, what=what, remedy=remedy)]
    return []


def _data_reasons(proto: Any) -> list[Reason]:
    from onnx import numpy_helper

    graph = proto.graph
    tensors = [*graph.initializer]
    tensors += [a.t for node in graph.node for a in node.attribute if a.HasField("t")]
    for tensor in tensors:
        place = f"tensor {tensor.name!r}"
        try:
            data = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as problem:
            what = "has data of another size than its shape"
            return [Reason(place=place, what=what, why=str(problem), remedy="export it again")]
        if data.size > 1 and data.dtype.kind == "f" and not np.isfinite(data).all():
            what = "has values that are NaN or infinite"
            return [Reason(place=place, what=what, remedy="train the network anew")]
    return []


def _drop_initialized_inputs(proto: Any) -> None:
    """Constants that old files list as inputs too become plain constants."""
    known = {tensor.name for tensor in proto.graph.initializer}
    kept = [port for port in proto.graph.input if port.name not in known]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
