"""Prepares a float network for the quantizer: a batch of one sample, and all constants folded."""

import math
import re
import tempfile
from pathlib import Path
from typing import Any

from accel.compiler.diagnostics import Reason
from accel.compiler.frontends import FRONTENDS, UnsupportedModel, near

from . import gelu
from .model import LEAST_OPSET, FloatModel
from .runtime import Session, quiet, refusal
from .simplify import simplify

LEAST_IR = 4  # the first version in which constants are no inputs
MOST_ELEMENTS = 2**28
_MAIN = ("", "ai.onnx")


def fixed(model: FloatModel) -> bytes:
    """The network with a batch of 1, of an opset that can be quantized per channel.

    Raises ``UnsupportedModel``.
    """
    import onnx

    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    proto.ir_version = max(proto.ir_version, LEAST_IR)
    dim = proto.graph.input[0].type.tensor_type.shape.dim[0]
    dim.Clear()
    dim.dim_value = 1
    del proto.graph.value_info[:]  # made for another batch, and not to be trusted
    for port in proto.graph.output:
        port.type.tensor_type.ClearField("shape")
    opset = max((o.version for o in proto.opset_import if o.domain in _MAIN), default=1)
    what = f"cannot be brought from opset {opset} to {LEAST_OPSET}"
    try:
        if opset < LEAST_OPSET:
            proto = onnx.version_converter.convert_version(proto, LEAST_OPSET)
        proto = _with_gelu(proto)
        what = "has operators whose results have no shape"
        proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except Exception as problem:  # the library's errors have no base of their own
        reason = refusal(problem, what)
        raise UnsupportedModel(model.name, [reason]) from problem
    _check_sizes(proto, model.name)
    return proto.SerializeToString()


def _with_gelu(proto: Any) -> Any:
    """A network of an opset that has Gelu, if it may have some and can be brought there."""
    import onnx

    if not {"Erf", "Tanh"}.intersection(node.op_type for node in proto.graph.node):
        return proto
    if max(o.version for o in proto.opset_import if o.domain in _MAIN) >= gelu.OPSET:
        return proto
    try:
        return onnx.version_converter.convert_version(proto, gelu.OPSET)
    except (onnx.version_converter.ConvertError, RuntimeError, ValueError):
        return proto  # its operators stay as they are


def _check_sizes(proto: Any, name: str) -> None:
    """Refuse tensors that are too large for the runtime to make."""
    for port in (*proto.graph.input, *proto.graph.value_info, *proto.graph.output):
        size = math.prod(dim.dim_value or 1 for dim in port.type.tensor_type.shape.dim)
        if size > MOST_ELEMENTS:
            place, what = f"tensor {port.name!r}", f"has {size:,} elements, more than 2^28"
            raise UnsupportedModel(
                name, [Reason(place=place, what=what, remedy="use a smaller one")]
            )


def check_answer(session: Session, model: FloatModel, x: Any) -> int:
    """Run the first sample; return how many values the network answers for one.

    Raises ``UnsupportedModel`` where it does not answer for one sample at a time.
    """
    answer = session.run(x[:1])
    if answer.ndim < 2 or len(answer) != 1:
        what = f"has an output of shape {list(answer.shape)} for one sample"
        remedy = "export it with a batch of 1 or a dynamic one"
        raise UnsupportedModel(model.name, [Reason(place="", what=what, remedy=remedy)])
    return answer.size


def folded(data: bytes, name: str) -> Any:
    """The ``onnx.ModelProto`` with constants and batch normalizations folded.

    Raises ``UnsupportedModel`` with all operators that would not run.
    """
    import onnx

    with quiet(name), tempfile.TemporaryDirectory(prefix="accel-quantize-") as folder:
        from onnxruntime.quantization.shape_inference import quant_pre_process

        before, after = Path(folder, "fixed.onnx"), Path(folder, "folded.onnx")
        before.write_bytes(data)
        # Symbolic shapes would need another package, and there are none left.
        quant_pre_process(str(before), str(after), skip_symbolic_shape=True)
        proto = onnx.load(after)
    simplify(proto)
    reasons = [*_unknown(proto)]
    if reasons:
        raise UnsupportedModel(name, reasons)
    return proto


def _unknown(proto: Any) -> list[Reason]:
    known = FRONTENDS["onnx"].operators
    floats = [name for name in known if not re.search(r"\.|QLinear|[Qq]uantize", name)]
    reasons, told = [], set()
    for node in proto.graph.node:
        spelling = node.op_type if node.domain in _MAIN else f"{node.domain}.{node.op_type}"
        if spelling not in known and spelling not in told:
            told.add(spelling)
            place = f"operator {node.name or node.output[0]!r} ({spelling})"
            remedy = near(spelling, floats)
            reasons.append(Reason(place=place, what="is not supported", remedy=remedy))
    return reasons
