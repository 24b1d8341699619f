"""Windows of a WAV file, for networks that take raw audio."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from accel.cli._output import note
from accel.cli.inputs.arrays import UnreadableInput
from accel.cli.inputs.streams import Sample, as_input, only_input
from accel.cli.options.values import BadOption
from accel.compiler.ir.graph import Graph, Tensor

_PART = 2**14  # frames that are read at a time
_WIDTHS = (1, 2, 3, 4)  # bytes


def windows(graph: Graph, path: Path, hop: int | None) -> Iterator[Sample]:
    """Each window of as many samples as the input has, ``hop`` after the one before it.

    Values are from -1 to 1, the mean of all channels, and are quantized by the input's scale.
    Without ``hop`` a window begins where the one before it ends.

    Raises ``BadOption`` for a network that takes no row of samples, and ``UnreadableInput``.
    """
    tensor = _row(graph)
    length = tensor.size
    hop = hop or length
    try:
        with path.open("rb") as file, wave.open(file) as sound:
            rate, frames = sound.getframerate(), sound.getnframes()
            if sound.getsampwidth() not in _WIDTHS or not sound.getnchannels() or not rate:
                raise UnreadableInput(f"{path}: has samples of {sound.getsampwidth()} bytes")
            if frames < length:
                raise UnreadableInput(
                    f"{path}: has {frames:,} samples, fewer than one window: {graph.name} takes "
                    f"{length:,}"
                )
            note(f"{path.name}: {rate:,} Hz, windows of {length / rate:.3f} s")
            yield from _cut(graph, tensor, sound, hop)
    except OSError as problem:
        why = problem.strerror or problem
        raise UnreadableInput(f"{path}: cannot be read: {why}; give a WAV file") from problem
    except (wave.Error, EOFError, ValueError) as problem:
        raise UnreadableInput(
            f"{path}: is no whole WAV file of PCM samples ({problem or 'it is cut off'}); write it "
            "as 16-bit PCM"
        ) from problem


def _row(graph: Graph) -> Tensor:
    """The input, which must be a row of numbers."""
    tensor = only_input(graph, "--wav")
    if max(tensor.shape[1:], default=1) != tensor.size or tensor.size < 2:
        raise BadOption(
            f"--wav is for networks that take raw audio; input {tensor.name!r} of {graph.name} has "
            f"shape {list(tensor.shape[1:])}: compute what it takes of the sound, such as a "
            "spectrogram, and give that on standard input or by --folder"
        )
    return tensor


def _cut(graph: Graph, tensor: Tensor, sound: wave.Wave_read, hop: int) -> Iterator[Sample]:
    """The windows, of which no more is in memory than one and what is read next."""
    length, rate = tensor.size, sound.getframerate()
    held, begin = np.zeros(0), 0  # what is held begins with this sample
    start = 0
    while True:
        while begin + len(held) < start + length:
            part = _read(sound)
            if not len(part):
                return
            held = np.concatenate([held, part])
            drop = min(max(0, start - begin), len(held))
            held, begin = held[drop:], begin + drop
        window = held[start - begin : start - begin + length]
        values = as_input(graph, tensor, window)
        yield Sample(inputs={tensor.name: values}, name=f"{start / rate:.3f} s")
        start += hop


def _read(sound: wave.Wave_read) -> np.ndarray:
    """The next samples, float64 from -1 to 1."""
    data, width = sound.readframes(_PART), sound.getsampwidth()
    whole = len(data) - len(data) % (width * sound.getnchannels())
    samples = np.frombuffer(data[:whole], np.uint8).reshape(-1, width)
    if width == 1:
        values = samples[:, 0].astype(np.float64) - 128
    else:
        # The bytes are the highest ones of 32 bits.
        padded = np.zeros((len(samples), 4), np.uint8)
        padded[:, 4 - width :] = samples
        values = padded.view("<i4")[:, 0].astype(np.float64)
    full = 128.0 if width == 1 else 2.0**31
    return (values / full).reshape(-1, sound.getnchannels()).mean(axis=1)
