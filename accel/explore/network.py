"""A network to explore cores for, with all its bytes: workers elsewhere have no files."""

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from accel.compiler.frontends import contents, load
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

    @classmethod
    def read(cls, path: Path, data: Path | None = None) -> "Network":
        """Raises what the front ends raise, and ``UnusableData``."""
        load(path)  # says what is wrong with it
        labelled = None
        if data is not None:
            try:
                labelled = data.read_bytes()
            except OSError as problem:
                raise UnusableData(f"{data}: cannot be read: {problem.strerror}") from problem
        network = cls(path.stem, path.suffix, contents(path), labelled)
        if labelled is not None:
            network.samples()
        return network

    @property
    def digest(self) -> str:
        """Of model and data."""
        return hashlib.sha256(self.content + b"\0" + (self.data or b"")).hexdigest()

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
    with tempfile.TemporaryDirectory(prefix="accel-explore-") as folder:
        path = Path(folder) / f"{network.name}{network.suffix}"
        path.write_bytes(network.content)
        return load(path)
