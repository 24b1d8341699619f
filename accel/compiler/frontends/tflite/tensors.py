"""The tensors of a file: what is wrong with them, and ours that they become."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from ...diagnostics import Reason
from ...graph.verify import tensor_problems
from ...ir.graph import Quantization, Tensor
from .causes import QUANTIZE_REMEDY
from .file import FileRecord, TensorRecord

# By layers with weights: the dimension of the output channels, and which input the bias is.
WEIGHTED = {
    "CONV_2D": (0, 2),
    "DEPTHWISE_CONV_2D": (3, 2),
    "TRANSPOSE_CONV": (0, 3),
    "FULLY_CONNECTED": (0, 2),
}
LEAST_SCALE = float(np.finfo(np.float32).tiny)

DTYPES = {
    "INT4": "int4",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FLOAT32": "float32",
    "BOOL": "bool",
}
NUMBERS = ("int32", "int64")  # integers that are not codes


def unpack_int4(packed: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` int8 values from uint8 bytes that hold two each, the low nibble first."""
    nibbles = np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)[:count]
    return ((nibbles ^ 8).astype(np.int8) - 8).astype(np.int8)


def roles(record: FileRecord) -> Iterator[tuple[int, Callable[[TensorRecord], TensorRecord]]]:
    """How kernels read the weights and biases of layers, whatever the tensors' own fields say."""
    for operator in record.operators:
        if operator.spelling in WEIGHTED:
            axis, bias = WEIGHTED[operator.spelling]
            found = dict(enumerate(operator.inputs))
            yield found.get(1, -1), partial(_as_weights, axis)
            yield found.get(bias, -1), _as_bias


def _as_weights(axis: int, weights: TensorRecord) -> TensorRecord:
    """Scales belong to the output channels, if there are as many as in the dimension they name.

    A scale of 0, as of a channel that is always 0, makes a multiplier of 0. So does one so small.
    """
    weights = replace(weights, scale=tuple(s if s else LEAST_SCALE for s in weights.scale))
    scales, named = len(weights.scale), weights.axis
    fits = 0 <= named < len(weights.shape) and weights.shape[named] == scales > 1
    return replace(weights, axis=axis) if fits else weights


def _as_bias(bias: TensorRecord) -> TensorRecord:
    """A vector, whatever shape the file gives it."""
    return replace(bias, shape=(elements(bias),)) if bias.data is not None else bias


def unique_names(records: tuple[TensorRecord, ...]) -> list[str]:
    """Return a name for each tensor: numbered where the file's is empty or used twice."""
    taken, names = set(), []
    for index, record in enumerate(records):
        name = record.name or f"tensor_{index}"
        while name in taken:
            name = f"{name}_{index}"
        taken.add(name)
        names.append(name)
    return names


def tensor_faults(name: str, record: TensorRecord, given: bool) -> Iterator[Reason]:
    """Yield what is wrong with a tensor, which may be ``given`` to the network.

    An inner shape may be open where the file has sizes for it, which are those that kernels use.
    """
    place = f"tensor {name!r}"
    if record.dtype not in DTYPES:
        what = f"has the type {record.dtype}, which is not supported"
        yield Reason(place=place, what=what, remedy=QUANTIZE_REMEDY)
    if any(size < 0 for size in record.shape) or (record.dynamic and given):
        what = f"has a shape that is not fixed {record.shape}"
        yield Reason(place=place, what=what, remedy="convert the model with fixed shapes")
    if record.sparse:
        remedy = "convert the model without sparsity"
        yield Reason(place=place, what="is stored sparsely", remedy=remedy)
    if record.external:
        yield Reason(place=place, what="has its data outside the flatbuffer")
    if record.state:
        remedy = "convert the model without variables"
        yield Reason(place=place, what="keeps its value between invocations", remedy=remedy)
    if record.custom_quantization:
        yield Reason(place=place, what="has a custom quantization", remedy="use an affine one")
    if record.data is not None and record.dtype in DTYPES and not record.sparse:
        expected = _data_bytes(record)
        if len(record.data) != expected:
            what = f"has {len(record.data)} bytes of data, not {expected}"
            yield Reason(place=place, what=what)


def elements(record: TensorRecord) -> int:
    count = 1
    for size in record.shape:
        count *= max(size, 0)
    return count


def _data_bytes(record: TensorRecord) -> int:
    dtype = DTYPES[record.dtype]
    count = elements(record)
    return (count + 1) // 2 if dtype == "int4" else count * np.dtype(dtype).itemsize


def tensor_of(name: str, record: TensorRecord) -> Tensor:
    """Return our tensor; data of a wrong size, which is reported elsewhere, is left out.

    As in TFLite Micro, scales without zero points are ignored, and so is an impossible
    quantization of integers that are not codes, such as biases.
    """
    dtype = DTYPES.get(record.dtype, "float32")
    quantized = dtype not in ("float32", "bool") and record.scale and record.zero_point
    q = Quantization(scale=record.scale, zero_point=record.zero_point, axis=record.axis)
    data = None
    if record.data is not None and record.dtype in DTYPES:
        whole = len(record.data) == _data_bytes(record)
        data = _data(record, record.data, dtype) if whole else None
    tensor = Tensor(
        name=name,
        shape=record.shape,
        dtype=dtype,
        quantization=q if quantized else None,
        data=data,
    )
    odd = dtype in NUMBERS and any(tensor_problems(tensor))
    return replace(tensor, quantization=None) if odd else tensor


def _data(record: TensorRecord, stored: bytes, dtype: str) -> np.ndarray:
    if dtype == "int4":
        packed = np.frombuffer(stored, np.uint8)
        data = unpack_int4(packed, elements(record)).reshape(record.shape)
    else:
        little_endian = np.dtype(dtype).newbyteorder("<")
        data = np.frombuffer(stored, little_endian).astype(dtype).reshape(record.shape)
    data.flags.writeable = False
    return data
