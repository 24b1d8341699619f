"""Samples one after another, as ``accel live`` takes them: raw bytes, or a folder's arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from accel.cli._output import note
from accel.cli.inputs.arrays import UnreadableInput
from accel.cli.inputs.batch import quantized, read_batch
from accel.cli.options.values import BadOption, one_of
from accel.compiler.ir.graph import Graph, Tensor

DTYPES = ("int8", "uint8", "float32")
_ENDINGS = (".npy", ".npz")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A sample's inputs by name, ``[1, ...]``, and what it is called, if anything."""

    inputs: Mapping[str, np.ndarray]
    name: str = ""


def only_input(graph: Graph, what: str) -> Tensor:
    """The one input of a network. Raises ``BadOption`` where there are several."""
    if len(graph.inputs) > 1:
        raise BadOption(
            f"{what} is for networks of one input; {graph.name} has {', '.join(graph.inputs)}: "
            "give --folder DIR with .npz files that have an array for each"
        )
    return graph.tensor(graph.inputs[0])


def as_input(graph: Graph, tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Values of a sample as an input ``[1, ...]`` takes them.

    Real numbers are quantized by the input's scale. Codes of the other sign, uint8 for int8, are
    the same steps counted from another end: 128 less. Raises ``BadOption`` for others.
    """
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0)
        codes = quantized(graph, tensor, values)
        values = values.astype(np.float32) if codes is None else codes
    pair = (values.dtype.name, tensor.dtype)
    if pair in (("uint8", "int8"), ("int8", "uint8")):
        values = (values.astype(np.int16) + (128 if pair[1] == "uint8" else -128)).astype(pair[1])
    if values.dtype != tensor.dtype:
        raise BadOption(
            f"{graph.name}: input {tensor.name!r} is {tensor.dtype}, which no {values.dtype} "
            f"values stand for; give {tensor.dtype} arrays by --folder DIR"
            + (", or --dtype float32" if tensor.dtype == "float32" else "")
        )
    return values.reshape(tensor.shape)


def raw(graph: Graph, stream: BinaryIO, dtype: str | None) -> Iterator[Sample]:
    """Samples of raw bytes, ``dtype`` or as the input is, little-endian, until the stream ends."""
    tensor = only_input(graph, "Standard input")
    kind = dtype or tensor.dtype
    one_of("--dtype", kind, DTYPES)
    size = tensor.size * np.dtype(kind).itemsize
    as_input(graph, tensor, np.zeros(tensor.size, kind))
    for data in records(stream, size):
        values = np.frombuffer(data, np.dtype(kind).newbyteorder("<")).astype(kind)
        yield Sample(inputs={tensor.name: as_input(graph, tensor, values)})


def records(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """So many bytes at a time; what is left at the end is told."""
    while data := _whole(stream, size):
        if len(data) < size:
            note(f"standard input ended within a sample: {len(data):,} of {size:,} bytes")
            return
        yield data


def _whole(stream: BinaryIO, size: int) -> bytes:
    """As many bytes, or fewer where the stream ends before."""
    data = bytearray()
    while len(data) < size and (part := stream.read(min(size - len(data), 1 << 20))):
        data += part
    return bytes(data)


def folder(graph: Graph, path: Path) -> Iterator[Sample]:
    """The samples of all ``.npy`` and ``.npz`` files of a folder, in the order of their names.

    A file has a sample or a batch, as `accel run` takes it.
    """
    try:
        files = sorted(p for p in path.iterdir() if p.suffix in _ENDINGS and p.is_file())
    except OSError as problem:
        why = problem.strerror or problem
        raise UnreadableInput(f"{path}: cannot be read: {why}; give a folder") from problem
    if not files:
        raise UnreadableInput(f"{path}: has no .npy or .npz files; write samples with numpy.save")
    for file in files:
        yield from _samples(graph, file)


def _samples(graph: Graph, file: Path) -> Iterator[Sample]:
    from accel.compiler.graph.interpreter import InvalidInput, check_inputs

    try:
        batch = check_inputs(graph, read_batch(file, graph).inputs)
    except InvalidInput as problem:
        raise UnreadableInput(f"{file}: {problem}") from problem
    count = len(next(iter(batch.values())))
    for index in range(count):
        name = file.name if count == 1 else f"{file.name}[{index}]"
        inputs = {key: np.array(x[index : index + 1]) for key, x in batch.items()}
        yield Sample(inputs=inputs, name=name)
