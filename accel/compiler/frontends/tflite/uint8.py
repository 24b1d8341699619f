"""TFLite's uint8 tensors as int8 ones: codes and zero points are 128 lower.

The network's inputs and outputs stay uint8, with a conversion after or before them.

TFLite Micro has no uint8 kernels, so it is no oracle for these networks. Here they mean the
contract's arithmetic on the lower codes, with average pooling rounding ties up. TFLite's reference
kernels compute the same, except that for fully connected layers they multiply the scales of input
and weights in float32.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...ir.graph import Node, Tensor
from ...operators.quantize import Quantize
from .file import FileRecord, OperatorRecord

OFFSET = 128


def lowered(tensor: Tensor) -> Tensor:
    """The same numbers in int8; tensors of other types are returned unchanged."""
    if tensor.dtype != "uint8":
        return tensor
    q, data = tensor.quantization, tensor.data
    if q is not None:
        zero_point = tuple(zero_point - OFFSET for zero_point in q.zero_point)
        q = replace(q, zero_point=zero_point, offset=OFFSET)
    if data is not None:
        data = np.asarray(data.astype(np.int16) - OFFSET).astype(np.int8)
        data.flags.writeable = False
    return replace(tensor, dtype="int8", quantization=q, data=data)


def uint8_ends(record: FileRecord) -> frozenset[int]:
    """The inputs and outputs that are uint8."""
    ends = {*record.inputs, *record.outputs}
    return frozenset(index for index in ends if record.tensors[index].dtype == "UINT8")


def converted_ends(record: FileRecord) -> frozenset[int]:
    """Those of `uint8_ends` that only a QUANTIZE from or to int8 uses: the file converts them."""

    def converts(op: OperatorRecord) -> bool:
        other = [i for i in (*op.inputs[:1], *op.outputs) if i not in uint8_ends(record)]
        return op.spelling == "QUANTIZE" and [record.tensors[i].dtype for i in other] == ["INT8"]

    return frozenset(
        index
        for index in uint8_ends(record)
        if all(converts(op) for op in record.operators if index in (*op.inputs, *op.outputs))
    )


def mixes_types(record: FileRecord, operator: OperatorRecord) -> bool:
    """Whether an operator other than QUANTIZE has tensors of uint8 and of int8.

    Kernels look at the type of one of them, and read the others' bytes as codes of that type.
    """
    used = [index for index in (*operator.inputs, *operator.outputs) if index >= 0]
    types = {record.tensors[index].dtype for index in used}
    return operator.spelling != "QUANTIZE" and {"UINT8", "INT8"} <= types


@dataclass(frozen=True)
class End:
    """An input or output in uint8, and the node that converts it, named after the tensor."""

    tensor: Tensor
    inner: Tensor

    def node(self, output: bool) -> Node:
        inputs, outputs = (self.tensor.name,), (self.inner.name,)
        return Node(
            name=f"quantize_{self.tensor.name}",
            operator="quantize",
            inputs=outputs if output else inputs,
            outputs=inputs if output else outputs,
            attributes=Quantize(),
            source="output" if output else "input",
        )
