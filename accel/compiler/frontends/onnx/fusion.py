"""Which operators between DequantizeLinear and QuantizeLinear ONNX Runtime computes on codes.

At its highest optimization level it replaces an Add between two DequantizeLinear and one
QuantizeLinear by QLinearAdd, a Mul by QLinearMul and an AveragePool by QLinearAveragePool, if all
have codes of one type. The others stay in float32, where halves are rounded before the zero point
is added and not after. It decides

1. after every DequantizeLinear has one reader (``EnsureUniqueDQForNodeUnit``),
2. after quantizations were copied to both sides of operators that only move values
   (``QDQPropagationTransformer``),
3. after int8 became uint8 in each pair of a QuantizeLinear and its only DequantizeLinear
   (``QDQS8ToU8Transformer``, on x86-64); constants and inputs of the file stay as they are,
4. by ``BinaryNodeGroupSelector`` and ``UnaryNodeGroupSelector``; an Add or a Mul only where every
   scale and zero point is a scalar, which one number of shape (1,) is not.

Source: onnxruntime/core/optimizer/qdq_transformer. Names of tensors here are those of the file.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from .file import FileRecord, NodeRecord
from .values import Constant, Value

CODES, UINT8, FLOAT32 = "codes", "uint8", "float32"
FUSED = ("Add", "Mul", "AveragePool")  # the operators whose results depend on it
ON_CODES = ("AveragePool", "GlobalAveragePool")  # means that it replaces

# The opsets in which step 2 knows an operator that moves values: from the first up to the second.
_MOVES: Mapping[str, tuple[int, int]] = {
    "MaxPool": (12, 22),
    "Reshape": (5, 21),
    "Transpose": (1, 21),
    "Squeeze": (1, 21),
    "Unsqueeze": (1, 21),
    "Slice": (1, 99),
}
_NOTHING = ("Identity", "Dropout")  # the optimizer removes them first
_ANEW = ("QuantizeLinear", "DequantizeLinear")  # the latter first: removed with equal scales
_CLAMPS = ("Relu", "Clip")


class Fusions:
    """The file's nodes as the optimizer sees them; ``values`` are those of tensors read so far."""

    def __init__(self, record: FileRecord, values: Mapping[str, Value]) -> None:
        self._values, self._opset = values, record.opset
        producers = {name: node for node in record.nodes for name in node.outputs if name}
        self._same = {
            node.outputs[0]: node.inputs[0]
            for node in record.nodes
            if node.spelling in _NOTHING and node.inputs and node.outputs
        }
        self._producers = producers
        ends = {port.name for port in record.outputs}
        for again in record.nodes:
            source = self._requantized(again, record.constants)
            if source is not None and again.outputs[0] not in ends:
                self._same[again.outputs[0]] = source
        self._outputs = {self._resolved(port.name) for port in record.outputs}
        self._constants = record.constants
        self._readers: dict[str, list[NodeRecord]] = defaultdict(list)
        needed, waiting = set(), [*self._outputs]
        while waiting:
            node = producers.get(self._resolved(waiting.pop()))
            if node is None or node.index in needed:
                continue
            needed.add(node.index)
            for name in filter(None, node.inputs):
                self._readers[self._resolved(name)].append(node)
                waiting.append(name)
        self._plain = any(self._unloadable(n) for n in record.nodes if n.spelling == "AveragePool")

    def _unloadable(self, pool: NodeRecord) -> bool:
        """Whether a file with that AveragePool cannot be loaded at the highest level.

        QLinearAveragePool has no dilations, and checks that scales and zero points are scalars
        after it has replaced the pool.
        """
        if "dilations" in pool.attributes:
            return True
        if not pool.inputs or not pool.outputs:
            return False
        before, after = self._dequantizer(self._resolved(pool.inputs[0])), self._only_reader(pool)
        if before is None or after is None or after.spelling != "QuantizeLinear":
            return False
        points = [self._constant(node, 2) for node in (before, after)]
        if len({None if point is None else point.dtype for point in points}) > 1:
            return False
        return not all(self._scalars(node, converted=True) for node in (before, after))

    def _requantized(self, node: NodeRecord, constants: Mapping[str, np.ndarray]) -> str | None:
        """The codes that a QuantizeLinear makes anew of codes with the same quantization."""
        before = self._producers.get(node.inputs[0]) if node.inputs and node.outputs else None
        if before is None or (node.spelling, before.spelling) != _ANEW or not before.inputs:
            return None
        maker = self._producers.get(before.inputs[0])
        if maker is None or maker.spelling != "QuantizeLinear":
            return None
        for a, b in zip(node.inputs[1:3], before.inputs[1:3], strict=False):
            first, second = constants.get(a), constants.get(b)
            if first is None or second is None or first.dtype != second.dtype:
                return None
            if first.size != 1 or second.size != 1 or first.item() != second.item():
                return None
        return before.inputs[0] if len(node.inputs) == len(before.inputs) else None

    def form(self, node: NodeRecord, quantize: NodeRecord, unsigned: bool) -> str:
        """How the runtime computes a node whose result the QuantizeLinear ``quantize`` reads.

        On ``CODES`` as the file has them, on codes that became ``UINT8``, or in ``FLOAT32``.
        ``unsigned`` says that ``quantize`` makes uint8.
        """
        if self._plain:
            return FLOAT32
        kinds = {self._output(node, quantize, unsigned)}
        kinds |= {self._operand(self._resolved(name)) for name in node.inputs}
        kind = kinds.pop()
        if kinds or kind is None:
            return FLOAT32
        if node.spelling in ("Add", "Mul"):
            makers = [self._dequantizer(self._resolved(name)) for name in node.inputs]
            if not all(end and self._scalars(end, kind == UINT8) for end in (*makers, quantize)):
                return FLOAT32
        return UINT8 if kind == UINT8 else CODES

    def layer_on_codes(self, node: NodeRecord, quantize: NodeRecord, unsigned: bool) -> bool:
        """Whether a convolution or matrix product is one on codes: input and output have one type.

        Source: ``ConvNodeGroupSelector``, ``MatMulNodeGroupSelector``, ``GemmNodeGroupSelector``.
        """
        kind = self._output(node, quantize, unsigned)
        if kind is None or kind != self._operand(self._resolved(node.inputs[0])):
            return False
        if node.spelling == "Gemm" and not self._equal_shapes(node.inputs[1]):
            return False
        return kind == UINT8 or self._operand(self._resolved(node.inputs[1])) == kind

    def ends(self, quantize: NodeRecord) -> bool:
        """Whether nothing but a DequantizeLinear at the network's end reads a node's codes."""
        name = self._resolved(quantize.outputs[0])
        for reader in self._readers[name]:
            result = self._resolved(reader.outputs[0])
            if reader.spelling != "DequantizeLinear" or self._readers[result]:
                return False
        return name in self._outputs or bool(self._readers[name])

    def _resolved(self, name: str) -> str:
        seen = set()
        while name in self._same and name not in seen:
            seen.add(name)
            name = self._same[name]
        return name

    def _moves(self, node: NodeRecord) -> bool:
        first, end = _MOVES.get(node.spelling, (0, 0))
        return first <= self._opset < end

    def _source(self, tensor: str) -> tuple[NodeRecord | None, list[str]]:
        """The DequantizeLinear that an operand comes from, and what the operators between them
        that move values write."""
        moved: list[str] = []
        node = self._producers.get(tensor)
        while node is not None and node.spelling != "DequantizeLinear":
            if not self._moves(node) or not node.inputs:
                return None, moved
            moved.append(tensor)
            tensor = self._resolved(node.inputs[0])
            node = self._producers.get(tensor)
        return node, moved

    def _dequantizer(self, tensor: str) -> NodeRecord | None:
        """The DequantizeLinear that an operand comes from, through operators that move values."""
        return self._source(tensor)[0]

    def _scalars(self, node: NodeRecord, converted: bool) -> bool:
        """Whether a quantizer's scale and zero point are scalars, not arrays of one number.

        A zero point of int8 whose codes were ``converted`` to uint8 is a new one, a scalar.
        """
        scale, zero = self._constant(node, 1), self._constant(node, 2)
        if scale is not None and scale.ndim:
            return False
        return zero is None or not zero.ndim or (converted and zero.dtype == np.int8)

    def _equal_shapes(self, tensor: str) -> bool:
        """Whether scale and zero point of a Gemm's weights have one shape, as QGemm wants it."""
        node = self._dequantizer(self._resolved(tensor))
        if node is None:
            return True
        scale, zero = self._constant(node, 1), self._constant(node, 2)
        return scale is None or zero is None or scale.shape == zero.shape

    def _constant(self, node: NodeRecord, index: int) -> np.ndarray | None:
        """A constant input of a node, None where it is computed or absent."""
        return self._constants.get(node.inputs[index]) if index < len(node.inputs) else None

    def _operand(self, tensor: str) -> str | None:
        """The type of the codes of an operand that a DequantizeLinear writes, else None."""
        maker, moved = self._source(tensor)
        if maker is None or any(name in self._outputs for name in moved):
            return None
        if not moved:
            return self._codes(self._resolved(maker.inputs[0]))
        readers = [r for r in self._readers[tensor] if r.spelling != "QuantizeLinear"]
        alone = len(readers) == 1 and _zero_point(maker) is not None
        return UINT8 if alone or self._unsigned(maker.inputs[0]) else "int8"

    def _output(self, node: NodeRecord, quantize: NodeRecord, unsigned: bool) -> str | None:
        """The type of the codes that ``quantize`` makes of a node's output; None if it does not."""
        own = UINT8 if unsigned else "int8"
        first = following = self._only_reader(node)
        if following is not None and following.spelling in _CLAMPS:
            if not self._redundant(following, quantize, unsigned):
                return None
            first = following = self._only_reader(following)
        while following is not None and following.index != quantize.index:
            if not self._moves(following):
                return None
            following = self._only_reader(following)
        if first is None or following is None:
            return None
        if first.index == quantize.index:
            return UINT8 if self._paired(quantize) else own
        return UINT8 if _zero_point(quantize) is not None else own

    def _only_reader(self, node: NodeRecord) -> NodeRecord | None:
        name = self._resolved(node.outputs[0])
        readers = self._readers[name]
        return readers[0] if len(readers) == 1 and name not in self._outputs else None

    def _codes(self, tensor: str) -> str:
        """The type of a tensor's codes."""
        if self._unsigned(tensor):
            return UINT8
        node, value = self._producers.get(tensor), self._values.get(tensor)
        if node is None or node.spelling != "QuantizeLinear" or isinstance(value, Constant):
            return "int8"
        return UINT8 if self._paired(node) else "int8"

    def _unsigned(self, tensor: str) -> bool:
        value = self._values.get(self._resolved(tensor))
        if isinstance(value, Constant):
            return value.data.dtype == np.uint8
        return bool(getattr(value, "unsigned", False))

    def _paired(self, quantize: NodeRecord) -> bool:
        """Whether a QuantizeLinear's one reader is a DequantizeLinear with the same zero point."""
        name = self._resolved(quantize.outputs[0])
        readers = self._readers[name]
        if name in self._outputs or len(readers) != 1:
            return False
        (node,) = readers
        if node.spelling != "DequantizeLinear":
            return False
        result = self._resolved(node.outputs[0])
        if len(self._readers[result]) + (result in self._outputs) != 1:
            return False
        points = [self._values.get(_zero_point(end) or "") for end in (quantize, node)]
        numbers = [p.data.item() for p in points if isinstance(p, Constant) and p.data.size == 1]
        return len(numbers) == 2 and numbers[0] == numbers[1]

    def _redundant(self, clamp: NodeRecord, quantize: NodeRecord, unsigned: bool) -> bool:
        """``IsClipMadeRedundantByQ``: whether no code of the type lies outside a Relu or a Clip."""
        least, most = (0, 255) if unsigned else (-128, 127)
        point = self._scalar(_zero_point(quantize) or "")
        zero_point = 0 if point is None else int(point)
        if clamp.spelling == "Relu":
            return zero_point == least
        scale = self._scalar(quantize.inputs[1])
        if scale is None:
            return False
        ends = []
        for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
            given = clamp.inputs[index] if index < len(clamp.inputs) else ""
            end = self._scalar(given) if given else clamp.attributes.get(name, default)
            if end is None:
                return False
            with np.errstate(over="ignore"):
                ends.append(float(np.rint(np.float32(end) / np.float32(scale))) + zero_point)
        return ends[0] <= least and ends[1] >= most

    def _scalar(self, name: str) -> float | None:
        value = self._values.get(name)
        return value.data.item() if isinstance(value, Constant) and value.data.ndim == 0 else None


def _zero_point(node: NodeRecord) -> str | None:
    """The name of a QuantizeLinear's or DequantizeLinear's zero point, if it has one."""
    return node.inputs[2] if len(node.inputs) > 2 and node.inputs[2] else None
