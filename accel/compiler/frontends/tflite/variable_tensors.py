"""Variable tensors: what operators such as UNIDIRECTIONAL_SEQUENCE_LSTM update in place.

An operator reads what the one before it has left, in the same invocation or in the last one: each
tensor is a `State` of the graph, and each node that updates it has an output more. TFLite Micro
fills them, before the first invocation, with their zero points if they are int8, else with 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...graph.verify import MAX_COMPUTED
from ...ir.graph import State, Tensor
from .file import FileRecord
from .spelling import Spelling

STORED = ("INT8", "INT16")


@dataclass
class VariableTensors:
    """Those of a file that only operators update which have rows in ``spellings``."""

    record: FileRecord
    spellings: Mapping[str, Spelling]
    read: dict[int, Tensor] = field(default_factory=dict)
    left: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        updated, other = set[int](), {*self.record.inputs, *self.record.outputs}
        for operator in self.record.operators:
            row = self.spellings.get(operator.spelling)
            own = row.variables if row else ()
            for number, index in enumerate(operator.inputs):
                (updated if number in own else other).add(index)
            other.update(operator.outputs)
        tensors = self.record.tensors
        self.known = {
            index
            for index in updated - other
            if index >= 0
            and (tensors[index].state and tensors[index].data is None)
            and tensors[index].dtype in STORED
        }

    def update(
        self, index: int, tensor: Tensor, unique: Callable[[str], str]
    ) -> tuple[Tensor, Tensor]:
        """What a node reads and what it leaves, of the variable tensor of a number."""
        if index not in self.read:
            self.read[index] = self.left[index] = tensor
        before = self.left[index]
        self.left[index] = replace(before, name=unique(f"{tensor.name} (left)"))
        return before, self.left[index]

    def states(self) -> Iterator[State]:
        """Those of possible shapes; of others `verify` will say what is wrong."""
        for index, tensor in self.read.items():
            if min(tensor.shape, default=1) < 1 or math.prod(tensor.shape) > MAX_COMPUTED:
                continue
            yield State(
                name=tensor.name,
                read=tensor.name,
                written=self.left[index].name,
                initial=np.full(tensor.shape, _zero(tensor), tensor.dtype),
            )


def _zero(tensor: Tensor) -> int:
    q = tensor.quantization
    return q.zero_point[0] if q and tensor.dtype == "int8" else 0
