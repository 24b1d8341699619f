"""Why files that hold no network of 8-bit codes cannot be used: one reason for each true cause.

That an operator is not known says little. Together they say what a file is: made by
quantize_dynamic, in float16, for FINN, a forest of trees. Such a cause is told once, with what to
do instead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...diagnostics import Reason
from .file import FileRecord, NodeRecord, UnreadableConstant

STATICALLY = (
    "quantize the float32 model statically: with `accel quantize`, or with quantize_static of "
    "onnxruntime"
)
IN_FLOAT32 = "export it in float32 and quantize it: `accel quantize`"
HALVES = ("float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Operators that ``is_one`` is true for: what they make of a file, why, and the remedy.

    ``what`` begins with "is" or "has". Where it is said of the ``whole`` file, all else that
    is wrong with the file follows from it. Operators ``beside`` are part of it where others are.
    """

    what: str
    why: str
    remedy: str
    is_one: Callable[[NodeRecord], bool]
    whole: bool = True
    beside: tuple[str, ...] = ()


def _spelled(*names: str) -> Callable[[NodeRecord], bool]:
    return lambda node: node.spelling.removeprefix("com.microsoft.") in names


def _of_domain(*domains: str) -> Callable[[NodeRecord], bool]:
    return lambda node: any(
        node.domain == domain or node.domain.startswith(f"{domain}.") for domain in domains
    )


def _of_finn(node: NodeRecord) -> bool:
    finn = _of_domain("finn")(node) and not node.domain.endswith("custom_op.general")
    return finn or node.spelling.endswith(".MultiThreshold")


CAUSES = (
    Cause(
        what="is quantized dynamically, as by quantize_dynamic",
        why="scales of activations are found anew for each input",
        remedy=STATICALLY,
        is_one=_spelled(
            "DynamicQuantizeLinear",
            "DynamicQuantizeMatMul",
            "DynamicQuantizeLSTM",
            "MatMulInteger",
            "MatMulIntegerToFloat",
            "MatMulInteger16",
            "ConvInteger",
        ),
        beside=("MatMulInteger", "ConvInteger"),
    ),
    Cause(
        what="has quantized weights only",
        why="activations stay float32 numbers",
        remedy=STATICALLY,
        is_one=_spelled("MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "GatherBlockQuantized"),
    ),
    Cause(
        what="is no neural network",
        why="they are classical machine learning, such as trees or support vector machines",
        remedy="train a small neural network in its place; no command converts it",
        is_one=_of_domain("ai.onnx.ml"),
    ),
    Cause(
        what="is a network for FINN",
        why="quantizations have become thresholds and streams of FINN's own",
        remedy="give the QONNX or QCDQ file from before FINN's transformations",
        is_one=_of_finn,
    ),
    Cause(
        what="is laid out for one processor",
        why="ONNX Runtime saved it with the layout of the machine that it ran on",
        remedy="save it with ORT_ENABLE_EXTENDED, or give the file from before",
        is_one=_of_domain("com.microsoft.nchwc", "com.ms.internal.nhwc"),
        whole=False,
    ),
    Cause(
        what="has a graph of its own",
        why="which it runs in a loop",
        remedy="export the model without control flow, the loop unrolled to the operators of "
        "each step",
        is_one=_spelled("Loop", "Scan", "SequenceMap"),
        whole=False,
    ),
    Cause(
        what="has a loop over time in it",
        why="it keeps its state in float32 numbers",
        remedy="export it unrolled, as the Gemm, Sigmoid, Tanh, Mul and Add of each step, and "
        "quantize that: `accel quantize`",
        is_one=_spelled("LSTM", "GRU", "RNN"),
        whole=False,
    ),
)


def _place(nodes: list[NodeRecord]) -> str:
    numbers = ", ".join(str(node.index) for node in nodes[:8]) + (", ..." if nodes[8:] else "")
    kinds = ", ".join(dict.fromkeys(node.spelling for node in nodes))
    return f"{'operator' if len(nodes) == 1 else 'operators'} {numbers} ({kinds})"


def of_operators(record: FileRecord) -> Iterator[tuple[Reason, Cause, list[NodeRecord]]]:
    """Yield the causes that operators are, and these operators."""
    for cause in CAUSES:
        found = [node for node in record.nodes if cause.is_one(node)]
        if any(node.spelling not in cause.beside for node in found):
            yield _reason(cause, found), cause, found


def _reason(cause: Cause, nodes: list[NodeRecord]) -> Reason:
    place = _place(nodes)
    if cause.whole:
        why = f"{place}: {cause.why}"
        return Reason(place="", what=cause.what, why=why, remedy=cause.remedy)
    verb, rest = cause.what.split(" ", 1)
    verb = verb if len(nodes) == 1 else {"is": "are", "has": "have"}[verb]
    return Reason(place=place, what=f"{verb} {rest}", why=cause.why, remedy=cause.remedy)


def of_the_file(record: FileRecord) -> Iterator[Reason]:
    """Yield what is wrong with the file's version, or with the type of all its numbers."""
    yield from _too_new(record)
    yield from _halves(record)


def _halves(record: FileRecord) -> Iterator[Reason]:
    """A reason against files of 16-bit numbers."""
    for port in (*record.inputs, *record.outputs):
        if port.dtype in HALVES:
            why = f"{port.name!r} is {port.dtype}"
            yield Reason(place="", what=f"is a {port.dtype} model", why=why, remedy=IN_FLOAT32)
            return
    given = [*record.unreadable.items()]
    given += [(n.outputs[0], v) for n in record.nodes for v in _unreadable(n) if n.outputs]
    names = [name for name, error in given if error.dtype in HALVES]
    if names:
        listed = ", ".join(map(repr, names[:8])) + (", ..." if names[8:] else "")
        place, verb = ("tensors", "are") if len(names) > 1 else ("tensor", "is")
        what = f"{verb} of 16 bits, float16 or bfloat16"
        yield Reason(place=f"{place} {listed}", what=what, remedy=IN_FLOAT32)


def _unreadable(node: NodeRecord) -> list[UnreadableConstant]:
    return [v for v in node.attributes.values() if isinstance(v, UnreadableConstant)]


def _too_new(record: FileRecord) -> Iterator[Reason]:
    """A reason against files of a newer version of the format than can be read."""
    import onnx

    if record.ir_version > onnx.IR_VERSION:
        what = f"has IR version {record.ir_version}, newer than {onnx.IR_VERSION}"
        why = f"the newest of the installed onnx {onnx.__version__}"
        remedy = "install a newer one (pip install -U onnx), or export with an older one"
        yield Reason(place="", what=what, why=why, remedy=remedy)
