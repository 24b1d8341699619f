"""Arrays from ``.npy`` and ``.npz`` files, which are not trusted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from accel.errors import UserError
from accel.quantization.samples import DAMAGED, MAX_BYTES, unpacked_bytes


class UnreadableInput(UserError):
    """An input file has no arrays, or not those that are asked for."""


def read_arrays(path: Path) -> np.ndarray | Mapping[str, np.ndarray]:
    """The array of an ``.npy`` file, or all arrays of an ``.npz`` file by name.

    Pickled objects are never loaded. Raises ``UnreadableInput``.
    """
    try:
        with np.errstate(over="raise"):  # sizes of absurd shapes
            _check_size(path)
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded as archive:
                return {name: archive[name] for name in archive.files}
    except OSError as problem:
        why = problem.strerror or problem
        raise UnreadableInput(f"{path}: cannot be read: {why}; give an .npy file") from problem
    except DAMAGED as problem:
        kind, how = (".npz", "savez") if path.suffix == ".npz" else (".npy", "save")
        raise UnreadableInput(
            f"{path}: is not a whole {kind} file of numbers; write it with numpy.{how}"
        ) from problem


def _check_size(path: Path) -> None:
    """Refuse archives that would unpack to more than memory should hold."""
    size = unpacked_bytes(path)
    if size > MAX_BYTES:
        raise UnreadableInput(
            f"{path}: has arrays of {size:,} bytes, more than {MAX_BYTES:,}; give fewer samples"
        )
