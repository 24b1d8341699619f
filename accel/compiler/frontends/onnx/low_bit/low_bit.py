"""Which ONNX files are low-bit networks: QONNX's, and those that clip codes (QCDQ)."""

from ..file import FileRecord, NodeRecord

# The operator domains of qonnx, FINN and Brevitas.
DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")
QUANTS = ("Quant", "IntQuant", "BipolarQuant", "Trunc")
LEAST_OPSET = 9  # lower than of other files, which have QuantizeLinear


def spelled(name: str) -> tuple[str, ...]:
    """All spellings of a QONNX operator."""
    return tuple(f"{domain}.{name}" for domain in DOMAINS)


QONNX = tuple(spelling for name in QUANTS for spelling in spelled(name))


def low_bit(record: FileRecord) -> bool:
    """Whether a file is a low-bit network, whose oracle is qonnx's execution."""
    if any(node.spelling in QONNX for node in record.nodes):
        return True
    quantized = {
        name for node in record.nodes if node.spelling == "QuantizeLinear" for name in node.outputs
    }
    return any(_clips(node) and quantized.intersection(node.inputs[:1]) for node in record.nodes)


def clip_after(record: FileRecord, tensor: str) -> NodeRecord | None:
    """The Clip that is the only reader of a tensor, if there is one."""
    readers = [node for node in record.nodes if tensor in node.inputs]
    kept = tensor in (port.name for port in record.outputs)
    return readers[0] if len(readers) == 1 and _clips(readers[0]) and not kept else None


def _clips(node: NodeRecord) -> bool:
    return node.spelling == "Clip"
