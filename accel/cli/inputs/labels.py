"""``--labels``: true classes of the samples, names of the classes, or for ``accel run`` both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accel.cli.inputs.arrays import UnreadableInput, read_arrays
from accel.cli.options.values import BadOption

if TYPE_CHECKING:
    from accel.compiler.ir.graph import Tensor

MOST_BYTES = 2**24  # of a text file


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """True classes int64 ``[N]``, and names of all classes; None where nobody gave them."""

    classes: np.ndarray | None = None
    names: Sequence[str] | None = None


def read_labels(
    paths: Sequence[Path], own: np.ndarray | None, tensor: "Tensor", samples: int
) -> Labels:
    """What the files say of ``samples`` samples and the classes of an output ``tensor``.

    ``own`` are labels that came with the samples; they are used where no file has others, if there
    is a class for each sample. Raises ``UnreadableInput`` for files that say neither, and
    ``BadOption`` for an output that has no classes.
    """
    from accel.pictures.answers import classes_of

    count = classes_of(tensor)
    if count is None:
        if paths:
            raise _no_classes(tensor)
        return Labels()
    found = Labels()
    for path in paths:
        found = _with(found, path, _read(path), count, samples)
    if found.classes is None and own is not None and _problem(own, count, samples) is None:
        found = Labels(classes=own.reshape(-1).astype(np.int64), names=found.names)
    return found


def read_names(path: Path, tensor: "Tensor") -> tuple[str, ...]:
    """The names of the classes of an output ``tensor`` that a file has, as of `read_labels`.

    Raises ``UnreadableInput`` for another number of names, or for what are no names, and
    ``BadOption`` for an output that has no classes.
    """
    from accel.pictures.answers import classes_of

    count = classes_of(tensor)
    if count is None:
        raise _no_classes(tensor)
    found = _read(path)
    names = np.asarray(found).astype(str) if isinstance(found, list) else found
    if names.dtype.kind not in "US" or names.ndim != 1 or count not in (0, len(names)):
        few = f"{len(names):,} names, and the network {count:,} classes"
        has = few if names.dtype.kind in "US" and names.ndim == 1 else "no names of classes"
        raise UnreadableInput(f"{path}: has {has}; give a name for each class, a line each")
    return tuple(map(str, names))


def _no_classes(tensor: "Tensor") -> BadOption:
    return BadOption(
        f"--labels is for networks whose output is a row of classes, not {tensor.name!r} "
        f"of shape {list(tensor.shape)}"
    )


def names_of(given: Sequence[str], tensor: "Tensor") -> Sequence[str] | None:
    """The names that a program has of an output's classes, if it has them."""
    from accel.pictures.answers import classes_of

    return given if given and classes_of(tensor) in (0, len(given)) else None


def _with(found: Labels, path: Path, read: Any, count: int, samples: int) -> Labels:
    """Labels with those of another file."""
    array = np.asarray(read)
    if isinstance(read, list) and len(read) == count != samples:
        array = array.astype(str)  # numbers are names, too
    if array.dtype.kind in "US" and array.ndim == 1 and (count in (0, len(array))):
        if found.names is not None:
            raise BadOption(f"--labels must have names of the classes once, not in {path} too")
        return Labels(classes=found.classes, names=tuple(map(str, array)))
    if array.dtype.kind in "US":
        raise UnreadableInput(
            f"{path}: has {len(array):,} names, and the network {count:,} classes; give one for "
            "each, a line each"
        )
    problem = _problem(array, count, samples)
    if problem:
        raise UnreadableInput(f"{path}: {problem}")
    if found.classes is not None:
        raise BadOption(f"--labels must have the samples' classes once, not in {path} too")
    return Labels(classes=array.reshape(-1).astype(np.int64), names=found.names)


def _problem(y: np.ndarray, count: int, samples: int) -> str | None:
    """What keeps an array from being the class of each sample."""
    if y.dtype.kind not in "iu":
        return f"must have the numbers of classes, as integers, not {y.dtype}"
    if y.shape not in ((samples,), (samples, 1)[: y.ndim]):
        return f"must have one class for each of {samples} samples, not shape {list(y.shape)}"
    if y.size and (int(y.min()) < 0 or (count and int(y.max()) >= count)):
        last = f" to {count - 1}" if count else " on"
        return f"must have classes from 0{last}, not {int(y.min())} to {int(y.max())}"
    return None


def _read(path: Path) -> Any:
    """An array, or a list of names or numbers."""
    if path.suffix in (".npy", ".npz"):
        arrays = read_arrays(path)
        if not isinstance(arrays, Mapping):
            return arrays
        if "y" not in arrays and len(arrays) != 1:
            raise UnreadableInput(
                f"{path}: has no array y; give the classes as numpy.savez(f, y=y)"
            )
        return arrays["y"] if "y" in arrays else next(iter(arrays.values()))
    text = _text(path)
    values = _from_json(path, text) if path.suffix == ".json" else text.splitlines()
    values = [str(value).strip() for value in values]
    while values and not values[-1]:
        values.pop()
    if not values:
        raise UnreadableInput(f"{path}: is empty; give a class or a name a line")
    return _as_numbers(values)


def _as_numbers(values: list[str]) -> Any:
    try:
        return [int(value) for value in values]
    except ValueError:
        return values


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise UnreadableInput(f"{path}: is larger than {MOST_BYTES // 2**20} MiB")
        return data.decode("utf-8-sig")
    except OSError as problem:
        why = problem.strerror or problem
        raise UnreadableInput(f"{path}: cannot be read: {why}") from problem
    except UnicodeDecodeError as problem:
        raise UnreadableInput(
            f"{path}: is no text in UTF-8; give .npy, .npz, .json, or a name a line"
        ) from problem


def _from_json(path: Path, text: str) -> list[Any]:
    """A list, or what an object has under the numbers from 0 on."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise UnreadableInput(f"{path}: is no JSON: {problem}") from problem
    if isinstance(found, dict) and all(str(index) in found for index in range(len(found))):
        found = [found[str(index)] for index in range(len(found))]
    if not isinstance(found, list) or not all(isinstance(one, (str, int)) for one in found):
        raise UnreadableInput(f"{path}: must have a list of names or of classes")
    return found
