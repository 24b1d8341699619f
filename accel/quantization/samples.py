"""Samples to calibrate and to measure with, from .npz files, which are not trusted."""

import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel.errors import UserError

MAX_BYTES = 2**32  # of all arrays of a file together
# What NumPy raises for spoilt files; it has Python's own parser read the header, and takes what
# begins as a zip file for an archive.
DAMAGED = (
    ArithmeticError,
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,  # encrypted, or compressed in a way of others
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class UnusableSamples(UserError):
    """A file has no samples for the network, or labels that do not match them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Samples float32 ``[N, ...]`` and, if they are known, their classes int64 ``[N]``."""

    name: str
    x: np.ndarray
    y: np.ndarray | None = None

    def check_classes(self, classes: int) -> None:
        """Raise ``UnusableSamples`` if there are labels of other classes than 0 to classes - 1."""
        if self.y is not None and self.y.max() >= classes:
            raise UnusableSamples(
                f"{self.name}: has labels up to {self.y.max()}, and the network {classes} classes, "
                f"0 to {classes - 1}; number the classes as in training"
            )


def read_samples(path: Path, shape: tuple[int, ...], labels: Path | None = None) -> Samples:
    """Read an ``.npz`` file with ``x``, float32 ``[N, *shape]``, and ``y``, integers ``[N]``.

    ``y`` may be absent; ``labels``, an ``.npy`` file, is used instead of it. Pickled arrays are
    never loaded. Raises ``UnusableSamples``.
    """
    arrays = _load(path, ("x",) if labels else ("x", "y"))
    if isinstance(arrays, np.ndarray):
        what = "is a single array; give an .npz file"
        raise UnusableSamples(f"{path}: {what}, written with numpy.savez(path, x=samples)")
    if "x" not in arrays:
        raise UnusableSamples(
            f"{path}: has no array named x; write it with numpy.savez(path, x=samples)"
        )
    x, y, source = arrays["x"], arrays.get("y"), f"{path}: y"
    _check_samples(f"{path}: x", x, shape)
    if labels is not None:
        single = _load(labels, ())
        if not isinstance(single, np.ndarray):
            raise UnusableSamples(f"{labels}: is an archive; give an .npy file with the labels")
        y, source = single, str(labels)
    if y is not None:
        _check_labels(source, y, len(x))
        y = y.astype(np.int64)
    return Samples(name=path.name, x=np.ascontiguousarray(x, np.float32), y=y)


def _load(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray] | np.ndarray:
    """The wanted arrays of an archive, or the file's one array."""
    name = None
    try:
        _check_size(path)
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as archive:
            found = {}
            for name in wanted:
                if name in archive.files:
                    found[name] = archive[name]
            return found
    except OSError as problem:
        why = problem.strerror or problem
        raise UnusableSamples(f"{path}: cannot be read: {why}; give an .npz file") from problem
    except DAMAGED as problem:
        what = f"array {name} is" if name else "is"
        if "pickle" in str(problem) and name:
            why = "of Python objects, which are never loaded; store it as numbers"
        elif name:
            why = "damaged or not whole; write the file anew with numpy.savez"
        else:
            why = "not a whole file of NumPy's; write it with numpy.savez"
        raise UnusableSamples(f"{path}: {what} {why}") from problem


def unpacked_bytes(path: Path) -> int:
    """Bytes of all that is in an archive; 0 for a file that is none."""
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


def _check_size(path: Path) -> None:
    """Refuse archives that would unpack to more than memory should hold."""
    size = unpacked_bytes(path)
    if size > MAX_BYTES:
        raise UnusableSamples(
            f"{path}: has arrays of {size:,} bytes, more than {MAX_BYTES:,}; give fewer samples, a "
            "few hundred calibrate well"
        )


def _check_samples(source: str, x: np.ndarray, shape: tuple[int, ...]) -> None:
    if x.dtype.kind != "f" or x.dtype.itemsize != 4:
        remedy = "x.astype(numpy.float32)"
        if x.dtype.kind in "iub":
            remedy = f"what it was trained with, such as {remedy} / 255 for images"
        raise UnusableSamples(
            f"{source} is {x.dtype}, and the network takes float32; give it {remedy}"
        )
    if x.shape[1:] != shape or x.ndim != len(shape) + 1:
        wanted = _shape_text(("N", *shape))
        raise UnusableSamples(
            f"{source} has shape {_shape_text(x.shape)}, and the network takes {wanted}"
            f"{_shape_remedy(x.shape, shape)}"
        )
    if len(x) == 0:
        raise UnusableSamples(f"{source} has no samples; give a few hundred")
    wrong = ~np.isfinite(x)
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise UnusableSamples(
            f"{source} has {int(wrong.sum()):,} values that are NaN or infinite, the first at "
            f"{list(first)}; remove these samples"
        )


def _shape_text(shape: tuple) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _shape_remedy(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What turns one shape into the other, where that is easily said."""
    if given == shape:
        return "; add the samples' dimension with x[None]"
    inner = given[1:]
    if len(inner) == 3 and 1 not in shape:
        if (inner[2], *inner[:2]) == shape:
            return "; put channels first with x.transpose(0, 3, 1, 2)"
        if (*inner[1:], inner[0]) == shape:
            return "; put channels last with x.transpose(0, 2, 3, 1)"
    if given and np.prod(inner, dtype=object) == np.prod(shape, dtype=object):
        return f"; reshape it with x.reshape(-1, {', '.join(map(str, shape))})"
    return ""


def _check_labels(source: str, y: np.ndarray, count: int) -> None:
    if y.ndim == 2 and len(y) == count:
        raise UnusableSamples(
            f"{source} has shape {_shape_text(y.shape)}; give one class for each sample, as "
            "y.argmax(axis=1) does"
        )
    if y.dtype.kind not in "iu":
        raise UnusableSamples(f"{source} is {y.dtype}; give the numbers of classes, as integers")
    if y.shape != (count,):
        raise UnusableSamples(
            f"{source} has shape {_shape_text(y.shape)} for {count} samples; give one class for "
            f"each"
        )
    if y.min() < 0:
        raise UnusableSamples(f"{source} has negative labels; number the classes from 0")
