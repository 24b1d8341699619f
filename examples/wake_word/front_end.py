"""From samples to what a streaming network takes: 40 features every 10 ms, some of them a step.

The features are those of `pymicro-features`, TFLite Micro's audio front end: what the networks of
microWakeWord were trained on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from accel.advice import how_to_install
from accel.errors import ToolError
from accel.numeric.affine import Affine

FEATURES = 40
CHUNK = 160  # samples, 10 ms at 16 kHz
CHUNK_BYTES = 2 * CHUNK
CHUNK_SECONDS = 0.01


class NoFrontEnd(ToolError):
    """The package that computes the features is not installed."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The features of the newest 30 ms, and the second of the sound at which they end."""

    features: np.ndarray
    seconds: float


@dataclass(frozen=True, eq=False)
class Step:
    """An input of the network, ``[1, frames, 40]`` codes, and the second at which it ends."""

    codes: np.ndarray
    seconds: float


def frames(sound: Iterable[bytes]) -> Iterator[Frame]:
    """The features of samples of 16 bits, which may come in parts of any length.

    There is none before the first window is whole. Raises ``NoFrontEnd``.
    """
    try:
        from pymicro_features import MicroFrontend
    except ModuleNotFoundError as problem:
        raise NoFrontEnd(
            f"The audio front end is not installed: {how_to_install('wake-word')}"
        ) from problem
    front_end, held, taken = MicroFrontend(), b"", 0
    for part in sound:
        held += part
        while len(held) >= CHUNK_BYTES:
            answer = front_end.process_samples(held[:CHUNK_BYTES])
            held, taken = held[2 * answer.samples_read :], taken + answer.samples_read
            if answer.features:
                yield Frame(np.array(answer.features), taken * CHUNK_SECONDS / CHUNK)


def steps(found: Iterable[Frame], count: int, code: Affine) -> Iterator[Step]:
    """As many frames a step as the network takes, in its input's codes of int8."""
    held: list[np.ndarray] = []
    for frame in found:
        held.append(frame.features)
        if len(held) == count:
            codes = np.round(np.stack(held) / code.scale + code.zero_point)
            yield Step(np.clip(codes, -128, 127).astype(np.int8)[np.newaxis], frame.seconds)
            held = []
