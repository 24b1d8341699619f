"""What to do about an operator that is not read: what is near it, and where the list is."""

from collections.abc import Collection, Sequence

from ..diagnostics import Reason, together

LIST = "`accel check --operators` lists what is supported"

# By operators of either format, what computes the same or takes its place; names of ours are left
# out of a message where the format's reader does not know them.
_NEAR: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (
        ("Resize", "Upsample", "ResizeBilinear", "UPSAMPLE"),
        "resize to the nearest neighbour by",
        ("RESIZE_NEAREST_NEIGHBOR", "Resize", "TRANSPOSE_CONV", "ConvTranspose"),
    ),
    (("MIRROR_PAD",), "pad with a constant by", ("PAD", "PADV2")),
    (("NEG", "Neg"), "subtract from 0 with", ("SUB", "Sub")),
    (("SQUARE", "POW", "Pow"), "multiply with", ("MUL", "Mul")),
    (("SUM", "ReduceSum"), "take the mean with", ("MEAN", "ReduceMean")),
    (("REDUCE_PROD", "ReduceProd"), "reduce with", ("REDUCE_MAX", "ReduceMax", "ReduceMean")),
    (("GELU", "Gelu", "Erf", "Mish", "Selu", "Celu"), "use another activation", ()),
    (("Einsum",), "multiply with", ("MatMul", "Gemm")),
    (
        ("CONV_3D", "CONV_3D_TRANSPOSE", "Conv3D"),
        "convolve in two dimensions with",
        ("CONV_2D", "Conv"),
    ),
    (
        ("LSTM", "GRU", "RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"),
        "replace the recurrence by one in one direction, or by a convolution over time,",
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "CONV_2D", "Conv"),
    ),
    (
        ("WHILE", "IF", "CALL"),
        "convert the model without control flow",
        (),
    ),
    (
        ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "NonMaxSuppression", "TopK"),
        "end the network before it and compute it on the host",
        (),
    ),
    (("TOPK_V2",), "take the best one with", ("ARG_MAX", "ArgMax")),
)
_HOST_END = "end the network before it and compute it on the host"


def unsupported(
    kind: str, indices: Sequence[int], known: Collection[str], own: str | None = None
) -> Reason:
    """Why operators of a kind cannot be read.

    ``known`` are the format's operators that can be, ``own`` is a remedy of the caller's.
    """
    places = [f"operator {index} ({kind})" for index in indices]
    what = "is not supported" if len(indices) == 1 else "are not supported"
    return Reason(place=together(places), what=what, remedy=own or near(kind, known))


def near(kind: str, known: Collection[str]) -> str:
    """The remedy for an operator that is not supported, such as ``pad with a constant by PAD``."""
    if kind.startswith("custom operator 'TFLite_Detection"):
        return _HOST_END
    for kinds, what, names in _NEAR:
        if kind in kinds:
            found = [name for name in names if name in known and name != kind]
            if found:
                return f"{what} {' or '.join(found)}; {LIST}"
            if not names:
                return f"{what}; {LIST}"
    return LIST
