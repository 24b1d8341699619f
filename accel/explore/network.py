"""A network to explore cores for, with all its bytes: workers elsewhere have no files."""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePath

import numpy as np

from accel.compiler.frontends import NOTHING_CHOSEN, Choices, Contents, bytes_of
from accel.compiler.frontends import read as load_contents
from accel.compiler.ir.graph import Graph
from accel.errors import UserError


class UnusableData(UserError):
    """Labelled data cannot be read."""


@dataclass(frozen=True)
class Network:
    """A model file and, if there are any, its labelled data (``.npz`` with ``x`` and ``y``)."""

    name: str
    suffix: str
    content: bytes = field(repr=False)
    data: bytes | None = field(default=None, repr=False)
    choices: Choices = NOTHING_CHOSEN

    @classmethod
    def read(
        cls, path: Path, data: Path | None = None, choices: Choices = NOTHING_CHOSEN
    ) -> "Network":
        """Raises what the front ends raise, and ``UnusableData``."""
        found = bytes_of(path)
        load_contents(found, None, choices)  # says what is wrong with it
        labelled = None
        if data is not None:
            try:
                labelled = data.read_bytes()
            except OSError as problem:
                raise UnusableData(f"{data}: cannot be read: {problem.strerror}") from problem
        suffix = PurePath(found.file).suffix
        network = cls(found.stem, suffix, found.data, labelled, choices)
        if labelled is not None:
            network.samples()
        return network

    @property
    def digest(self) -> str:
        """Of model and data, and of what was chosen in the model."""
        chosen = b"" if self.choices == NOTHING_CHOSEN else repr(self.choices).encode()
        return hashlib.sha256(self.content + b"\0" + (self.data or b"") + chosen).hexdigest()

    def graph(self) -> Graph:
        return _graph(self)

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs ``[N, ...]`` and labels ``[N]``."""
        try:
            with np.load(io.BytesIO(self.data or b""), allow_pickle=False) as arrays:
                x, y = arrays["x"], arrays["y"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
            raise UnusableData(
                f"data of {self.name}: is no .npz file with arrays x and y; write one with "
                "numpy.savez(file, x=inputs, y=labels)"
            ) from problem
        if len(x) != len(y) or not len(x):
            raise UnusableData(
                f"data of {self.name}: has {len(x)} inputs and {len(y)} labels; give one label each"
            )
        return x, y


@lru_cache(maxsize=16)
def _graph(network: Network) -> Graph:
    name = f"{network.name}{network.suffix}"
    found = Contents(name=name, data=network.content, file=name)
    return load_contents(found, None, network.choices)
