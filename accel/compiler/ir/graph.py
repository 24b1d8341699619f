"""The compiler's intermediate representation: a graph of quantized tensors and operator nodes.

It knows no file format. Activations are channels-last. A graph is of one sample: the first
dimension of every variable tensor is the *sample axis*, of size 1, whatever the file says;
executors run on ``[N, ...]`` batches. The values of a sample are never along it, and no operator
works along it. Files keep neither rule, so a front end hands what it has read to
`accel.compiler.graph.samples`, which makes them hold in one place:

- A tensor whose first dimension is 1 in the file is as it is there.
- One of another shape ``S``, such as ``(9, 4)`` inside a network of batch 1 or ``(6,)`` after a
  squeeze of everything, is ``(1, *S)``, and the axes of operators on it are one higher. Where it is
  an input or output of the network it is listed in ``Graph.unbatched``: users give and get the
  file's shape, runs after each other along its first dimension, ``[N * 9, 4]`` or ``[N * 6]``.
- Where the file fixes a batch above 1 and no operator mixes samples, the graph is that of one of
  them, and ``Graph.batch`` is the file's number.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import UserError
from ...numeric.rules.float_epilogue import FloatEpilogue

DTYPES = ("int4", "int8", "uint8", "int16", "int32", "int64", "float32", "bool")


class InvalidGraph(UserError):
    """The graph breaks a rule of the representation; the message names node and tensor."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """Affine quantization: ``real = scale * (q - zero_point)``.

    ``scale`` holds float32 values and ``zero_point`` integers, one each (per tensor) or one for
    each index along ``axis`` (per channel). ``offset`` is what the file's codes are above ours: 128
    where it has uint8. The numbers are the same, but not every float32 result is.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0
    offset: int = 0

    @property
    def per_channel(self) -> bool:
        return len(self.scale) > 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """A value of the graph. ``data`` is set for constants; int4 data are int8 arrays in -8..7.

    ``shape`` of a variable tensor begins with the batch dimension, 1.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    data: np.ndarray | None = field(default=None, repr=False)

    @property
    def constant(self) -> bool:
        return self.data is not None

    @property
    def values(self) -> np.ndarray:
        """The data of a tensor that is known to be constant."""
        assert self.data is not None, f"tensor {self.name!r} is no constant"
        return self.data

    @property
    def size(self) -> int:
        """Elements of one sample."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operation. ``operator`` is the name of a file in ``operators/``.

    ``inputs`` and ``outputs`` are names of tensors; optional inputs are the last ones, and are left
    out where they are absent. ``attributes`` is an object of the operator's own class.
    ``order_sensitive`` are the sums whose code the order of the oracle's float32 additions could
    decide, and all that its channels can reach; an ``epilogue`` has its own.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Any = None
    source: str = ""  # the operator's name in the user's file, for messages
    number: int | None = None  # its number there, from 0
    order_sensitive: tuple[int, int] = (0, 0)

    @property
    def epilogue(self) -> FloatEpilogue | None:
        """The float32 arithmetic after the operator's sums, if its attributes have one."""
        return getattr(self.attributes, "epilogue", None)


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """A value that outlives an inference: what one leaves, the next one finds.

    Parameters
    ----------
    name
        What messages and reports call it.
    read, written
        The tensor that is there when an inference begins, and the one whose values are there when
        the next one does. They have one shape and one type. Values are carried over as they are,
        whatever quantization the two tensors have.
    initial
        What the first inference finds, of the shape and the stored type of ``read``.
    """

    name: str
    read: str
    written: str
    initial: np.ndarray = field(repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes in an order in which they can run, and the tensors they name.

    Samples are independent of each other, unless there are ``states``: then they are successive
    inferences, one after another.
    ``batch`` is the file's own fixed batch, of which the graph is one sample. ``unbatched`` are
    inputs and outputs whose sample axis the file does not have. Where operators mix the samples of
    a fixed batch, the whole batch is the sample, and ``mixing`` says which operator does. ``host``
    says that the driver may compute nodes between those of the core. ``folded`` are constants that
    nodes of the file make under the graph's contract.
    """

    name: str
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    contract: str = "tflm"
    batch: int = 1
    unbatched: frozenset[str] = frozenset()
    mixing: str = ""
    states: tuple[State, ...] = ()
    host: bool = True
    folded: tuple[str, ...] = ()
    file: str = ""  # the name of the file that it was read from, for messages

    @property
    def title(self) -> str:
        """What messages call the network: its file, if it has one."""
        return self.file or self.name

    @property
    def given(self) -> tuple[str, ...]:
        """What is there before any node has run: the inputs, and what inferences before left."""
        return (*self.inputs, *(state.read for state in self.states))

    @property
    def wanted(self) -> tuple[str, ...]:
        """What must be there in the end: the outputs, and what the next inference is to find."""
        return (*self.outputs, *dict.fromkeys(state.written for state in self.states))

    def tensor(self, name: str) -> Tensor:
        return self.tensors[name]

    def producer(self, tensor: str) -> Node | None:
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if tensor in node.inputs)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def replace(self, **changes: Any) -> "Graph":
        return replace(self, **changes)
