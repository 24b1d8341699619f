"""The batch that ``accel run`` is given: one array or several, a sample alone, codes or numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accel.cli.inputs.arrays import UnreadableInput, read_arrays

if TYPE_CHECKING:
    from accel.compiler.ir.graph import Graph, Tensor

_LABELS = "y"  # the array of an archive that has the true classes, as in all our data


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Inputs by name, ``[N, ...]`` of the network's types; ``labels`` that came with them; and what
    was done to make them so, a line each."""

    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray | None = None
    said: list[str] = field(default_factory=list)


def read_batch(path: Path, graph: "Graph") -> Batch:
    """Read the inputs of a network.

    An ``.npy`` file has the one input; an ``.npz`` file an array for each input by its name, or, of
    a network with one input, the array ``x`` or the only one there is. One sample may lack the
    batch's dimension. Real numbers become codes by the input's scale and zero point, rounded and
    saturated as the runtime of the network's contract does it.

    Raises ``UnreadableInput``. What else does not fit the network is left for who runs it to say.
    """
    loaded = read_arrays(path)
    labels = None
    if isinstance(loaded, Mapping):
        labels = loaded.get(_LABELS) if _LABELS not in graph.inputs else None
        loaded = _chosen(path, loaded, graph)
    elif len(graph.inputs) == 1:
        loaded = {graph.inputs[0]: loaded}
    else:
        raise UnreadableInput(
            f"{path}: has one array, and {graph.name} several inputs; give an .npz file with an "
            f"array for each: {', '.join(graph.inputs)}"
        )
    said: list[str] = []
    inputs = {name: _fitted(path, graph, name, array, said) for name, array in loaded.items()}
    return Batch(inputs=inputs, labels=labels, said=said)


def _chosen(
    path: Path, arrays: Mapping[str, np.ndarray], graph: "Graph"
) -> Mapping[str, np.ndarray]:
    """The arrays of an archive that are the network's inputs."""
    if set(graph.inputs) <= set(arrays):
        return {name: arrays[name] for name in graph.inputs}
    others = [name for name in arrays if name != _LABELS] or list(arrays)
    if len(graph.inputs) == 1 and ("x" in others or len(others) == 1):
        return {graph.inputs[0]: arrays["x" if "x" in others else others[0]]}
    has = f"arrays {', '.join(others)}" if others else "no arrays"
    wanted = "an array for each input" if len(graph.inputs) > 1 else "one array x, or one called"
    raise UnreadableInput(
        f"{path}: has {has}; give {wanted}{': ' if len(graph.inputs) > 1 else ' '}"
        f"{', '.join(graph.inputs)}"
    )


def _fitted(path: Path, graph: "Graph", name: str, x: np.ndarray, said: list[str]) -> np.ndarray:
    """An array as the network takes it, as far as that is plain."""
    tensor = graph.tensor(name)
    if x.ndim and x.shape == tensor.shape[1:]:
        said.append(f"{path.name} is one sample {list(x.shape)}: run as a batch of one")
        x = x[np.newaxis]
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x
    if tensor.dtype == "float32":
        return x.astype(np.float32)
    return _codes(path, graph, tensor, x, said)


def _codes(
    path: Path, graph: "Graph", tensor: "Tensor", x: np.ndarray, said: list[str]
) -> np.ndarray:
    if np.isnan(x).any():
        raise UnreadableInput(f"{path}: must be numbers, but has NaN; remove these samples")
    codes, q = quantized(graph, tensor, x), tensor.quantization
    if codes is None or q is None:
        return x
    said.append(
        f"{path.name} is {x.dtype}: quantized to {tensor.dtype} by the input's scale "
        f"{q.scale[0]:.6g} and zero point {q.zero_point[0]}"
    )
    return codes


def quantized(graph: "Graph", tensor: "Tensor", x: np.ndarray) -> np.ndarray | None:
    """Codes of real numbers that are no NaN, as the runtime of the network's contract makes them.

    None where the tensor holds no codes of 8 bits.
    """
    from accel.numeric.affine import Affine
    from accel.numeric.elementwise.arithmetic import ARITHMETIC

    q, types = tensor.quantization, ("int8", "uint8")
    if q is None or len(q.scale) != 1 or tensor.dtype not in types:
        return None
    with np.errstate(over="ignore"):  # of float64; what is beyond float32 saturates
        real = x.astype(np.float32)
    to, codes_of = Affine(q.scale[0], q.zero_point[0], q.offset), np.iinfo(tensor.dtype)
    codes = ARITHMETIC[graph.contract].quantize(real, to)
    return np.clip(codes, codes_of.min, codes_of.max).astype(tensor.dtype)
