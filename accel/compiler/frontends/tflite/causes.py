"""What a whole .tflite file is, where that is why it cannot be used: its kind of quantization, and
which of several networks is meant."""

from collections.abc import Iterator, Sequence

from ...diagnostics import Reason, together
from .file import FileRecord, OperatorRecord

QUANTIZE_REMEDY = "convert it with full integer quantization (int8)"
FULLY = (
    f"{QUANTIZE_REMEDY}: give the converter a representative_dataset and "
    "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]"
)
CODES = ("INT4", "INT8", "UINT8", "INT16")
CONTROL_FLOW = ("IF", "WHILE", "CALL", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE")


def hybrid(record: FileRecord) -> list[int]:
    """The operators that multiply float32 activations by constant codes."""
    return [index for index, op in enumerate(record.operators) if _is_hybrid(record, op)]


def _is_hybrid(record: FileRecord, operator: OperatorRecord) -> bool:
    if operator.spelling in ("DEQUANTIZE", "QUANTIZE"):
        return False
    inputs = [record.tensors[index] for index in operator.inputs if index >= 0]
    outputs = [record.tensors[index] for index in operator.outputs]
    floating = any(t.dtype == "FLOAT32" for t in outputs)
    return floating and any(t.data is not None and t.scale and t.dtype in CODES for t in inputs)


def float_reasons(record: FileRecord, floating: bool) -> Iterator[Reason]:
    """Why a network that computes in float32, wholly if ``floating``, cannot be used."""
    found = hybrid(record)
    if found:
        kinds = [f"operator {index} ({record.operators[index].spelling})" for index in found]
        what = "is quantized by dynamic range: weights are codes, activations are float32"
        yield Reason(place="" if floating else together(kinds), what=what, remedy=FULLY)
    elif floating and any(t.dtype == "FLOAT16" and t.data is not None for t in record.tensors):
        what = "is a float16 model: weights are float16, activations are float32"
        yield Reason(place="", what=what, remedy=FULLY)
    elif floating:
        yield Reason(place="", what="is a float32 model", remedy=QUANTIZE_REMEDY)


def subgraph_reasons(record: FileRecord, chosen: str | None) -> Iterator[Reason]:
    """Why none of a file's networks is taken."""
    names = list(record.signatures)
    if chosen is not None:
        if chosen not in names:
            what = f"has no signature {chosen!r}"
            known = f"use one of {', '.join(names)}" if names else "leave --signature out"
            yield Reason(place="", what=what, remedy=known)
        return
    if record.subgraphs == 1 + len(record.once):
        return
    called = any(operator.spelling in CONTROL_FLOW for operator in record.operators)
    if called or len(set(record.signatures.values())) < 2:
        what = f"has {record.subgraphs} subgraphs, not 1"
        yield Reason(place="", what=what, remedy="export it without control flow")
        return
    what = f"has {len(names)} signatures ({_listed(names)}), each a network of its own"
    remedy = f"choose one, as in `accel check MODEL --signature {names[0]}`"
    yield Reason(place="", what=what, remedy=remedy)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
