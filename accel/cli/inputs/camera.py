"""Frames of a raw camera stream, resized to what a network takes."""

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from accel.cli.inputs.streams import Sample, as_input, only_input, records
from accel.cli.options.values import BadOption, one_of
from accel.compiler.ir.graph import Graph

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})x([1-4])")
_FORMATS = {1: "gray", 3: "rgb24", 4: "rgba"}  # as ffmpeg calls them
DTYPES = ("int8", "uint8")


def frames(graph: Graph, stream: BinaryIO, size: str, dtype: str | None) -> Iterator[Sample]:
    """The frames of a stream of ``size``, WxHxC, bytes from the upper left pixel on, row by row.

    They are resized by the nearest neighbour. Bytes of uint8 are 0 to 255; an input of int8 gets
    128 less, one of real numbers 0 to 1. Raises ``BadOption``.
    """
    found = _SIZE.fullmatch(size)
    if not found:
        raise BadOption(f"--size must be WIDTHxHEIGHTxCHANNELS, such as 320x240x1, not {size!r}")
    width, height, channels = map(int, found.groups())
    kind = dtype or "uint8"
    one_of("--dtype", kind, DTYPES)
    tensor = only_input(graph, "--size")
    shape = tensor.shape[1:]
    if len(shape) not in (2, 3):
        raise BadOption(
            f"--size is for networks that take images; input {tensor.name!r} of {graph.name} has "
            f"shape {list(shape)}"
        )
    takes = shape[2] if len(shape) == 3 else 1
    if takes != channels:
        how = f": have the camera give {_FORMATS[takes]}" if takes in _FORMATS else ""
        raise BadOption(
            f"--size must have the {takes} channels that {graph.name} takes, not {channels}{how}"
        )
    rows, columns = nearest(height, shape[0]), nearest(width, shape[1])
    for data in records(stream, width * height * channels):
        image = np.frombuffer(data, kind).reshape(height, width, channels)
        resized = image[rows][:, columns]
        if tensor.dtype == "float32":
            resized = (resized.astype(np.float32) - np.float32(np.iinfo(kind).min)) / 255
        yield Sample(inputs={tensor.name: as_input(graph, tensor, resized)})


def nearest(of: int, to: int) -> np.ndarray:
    """For each of ``to`` pixels the one of ``of`` whose middle is nearest to its own."""
    return (2 * np.arange(to) + 1) * of // (2 * to)
