"""The networks to measure: given files, folders of files, and what each is known as."""

import hashlib
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from accel.compiler.frontends import NOTHING_CHOSEN, Choices, bytes_of
from accel.compiler.frontends import read as read_contents
from accel.compiler.ir.graph import Graph
from accel.errors import UserError

_SUFFIXES = (".tflite", ".onnx")
SEED = 1


class NoSuchModel(UserError):
    """A file or folder of networks is not there, or has none."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """By what a network is known again, whatever its file is called: values and parameters."""

    inputs: int
    outputs: int
    parameters: int


# MLPerf Tiny's four closed-division networks, int8. Parameters are weights and biases.
KNOWN: Mapping[str, Shape] = MappingProxyType(
    {
        "KWS": Shape(inputs=49 * 10, outputs=12, parameters=22_604),
        "VWW": Shape(inputs=96 * 96 * 3, outputs=2, parameters=210_850),
        "IC": Shape(inputs=32 * 32 * 3, outputs=10, parameters=77_706),
        "AD": Shape(inputs=640, outputs=640, parameters=265_864),
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A file, the graph in it, inputs ``[N, ...]`` for each input, and what it is known as."""

    path: Path
    sha256: str
    graph: Graph
    known_as: str | None
    inputs: Mapping[str, np.ndarray]
    inputs_are: str

    @property
    def name(self) -> str:
        return self.path.stem


def paths(models: Iterable[Path], folders: Iterable[Path]) -> list[Path]:
    """The files that are asked for; the digits example where none is. Raises ``NoSuchModel``."""
    found = list(models)
    for model in found:
        if not model.is_file():
            raise NoSuchModel(f"{model}: there is no such file; give a .tflite or .onnx file")
    for folder in folders:
        if not folder.is_dir():
            raise NoSuchModel(f"{folder}: there is no such folder; give one with networks in it")
        inside = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
        if not inside:
            raise NoSuchModel(f"{folder}: has no {' or '.join(_SUFFIXES)} files; give another one")
        found += inside
    return found or [digits() / "digits_int8.tflite"]


def digits() -> Path:
    """The folder of the example that is installed with the package."""
    return Path(str(importlib.resources.files("accel.digits")))


def read(path: Path, samples: int, choices: Choices = NOTHING_CHOSEN) -> Network:
    """Load a network. Raises ``UnsupportedModel``.

    The digits network has its test images for inputs, others random codes with a fixed seed: cycles
    and speeds depend on no value.
    """
    found = bytes_of(path)
    graph = read_contents(found, choices=choices)
    inputs, inputs_are = _inputs(path, graph, samples)
    return Network(
        path=path,
        sha256=hashlib.sha256(found.data).hexdigest(),
        graph=graph,
        known_as=known_as(graph),
        inputs=inputs,
        inputs_are=inputs_are,
    )


def known_as(graph: Graph) -> str | None:
    """The name in ``KNOWN`` of a network of that shape and size."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    first, last = graph.tensor(graph.inputs[0]), graph.tensor(graph.outputs[0])
    shape = Shape(inputs=first.size, outputs=last.size, parameters=parameters(graph))
    return next((name for name, known in KNOWN.items() if shape == known), None)


def parameters(graph: Graph) -> int:
    """Weights and biases of convolutions and fully connected layers."""
    linear = ("conv2d", "depthwise_conv2d", "fully_connected")
    names = {n for node in graph if node.operator in linear for n in node.inputs[1:] if n}
    return sum(graph.tensor(name).size for name in names)


def _inputs(path: Path, graph: Graph, samples: int) -> tuple[dict[str, np.ndarray], str]:
    if path.resolve().parent == digits().resolve():
        with np.load(digits() / "test_images.npz", allow_pickle=False) as archive:
            return {graph.inputs[0]: archive["x"][:samples]}, "test images"
    random = np.random.default_rng(SEED)
    inputs = {}
    for name in graph.inputs:
        tensor = graph.tensor(name)
        shape = (samples, *tensor.shape[1:])
        if tensor.dtype == "float32":
            inputs[name] = random.uniform(-1, 1, shape).astype(np.float32)
        else:
            range_ = np.iinfo(tensor.dtype)
            low, high = max(range_.min, -(2**15)), min(range_.max, 2**15 - 1)
            inputs[name] = random.integers(low, high + 1, shape).astype(tensor.dtype)
    return inputs, f"random codes, seed {SEED}"
