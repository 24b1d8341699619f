"""Whether ONNX Runtime's sums of products are exact on this processor.

On x86 without VNNI it adds pairs of products of uint8 and int8 codes in 16 bits, which saturate; it
is no oracle there for layers with int8 weights.
"""

from functools import cache
from pathlib import Path

NOTE = (
    "this processor has AVX2 and no VNNI: ONNX Runtime adds products of int8 weights in 16 bits on "
    "it, which saturate, so its int8 answers differ from those on other machines; ours are exact"
)
OF_CODES = ("QLinearConv", "QLinearMatMul", "QGemm", "MatMulInteger", "ConvInteger")
_ABOUT = Path("/proc/cpuinfo")


@cache
def saturates() -> bool:
    """Whether this processor has AVX2 and no VNNI, where it says so."""
    about = _ABOUT.read_text() if _ABOUT.is_file() else ""
    return "avx2" in about and "vnni" not in about


def may_saturate(model: bytes) -> bool:
    """Whether sums of this model may saturate on this processor: it has int8 weights."""
    if not saturates():
        return False
    import onnx

    proto = onnx.load_from_string(model)
    made = [a.t for node in proto.graph.node for a in node.attribute if a.HasField("t")]
    constants = [*proto.graph.initializer, *made]
    return any(c.data_type == onnx.TensorProto.INT8 and len(c.dims) > 1 for c in constants)


def has_codes(model: bytes, kinds: tuple[str, ...] = OF_CODES) -> bool:
    """Whether an operator of the file itself, without optimizations, multiplies codes."""
    import onnx

    return any(node.op_type in kinds for node in onnx.load_from_string(model).graph.node)
