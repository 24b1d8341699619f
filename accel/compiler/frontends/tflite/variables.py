"""Resource variables: tensors that a file reads and assigns by name, which outlive an invocation.

Within an invocation a variable is the tensor that was assigned last; what is read before that is
what the invocation before has left, a `State` of the graph. Bytes are carried over as they are,
whatever quantization the tensors have. Before the first invocation a variable holds what the
subgraph that CALL_ONCE runs assigns to it, or else, as in TFLite Micro, the zero point of the
first tensor that is assigned to it anywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import tflite

from ...diagnostics import Reason
from ...ir.graph import Node, State, Tensor
from ...operators.reshape import Reshape
from .file import DAMAGE, OperatorRecord
from .spelling import Unreadable

CALL_ONCE = "CALL_ONCE"
VARIABLES = (CALL_ONCE, "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
Key = tuple[str, str]  # container and shared name
Take = Callable[[int], Tensor]


@dataclass
class _Variable:
    """A variable as far as the operators have been read."""

    name: str
    initial: Tensor | None = None
    first: Tensor | None = None  # that is assigned
    read: Tensor | None = None  # what the invocation finds
    value: Tensor | None = None  # what it is at the moment
    reader: str = ""  # the operator that reads it first


@dataclass
class Variables:
    """The variables of a subgraph; ``tensor`` gives its tensors by their numbers."""

    tensor: Take
    found: dict[Key, _Variable] = field(default_factory=dict)
    handles: dict[int, Key] = field(default_factory=dict)

    def take(self, index: int, record: OperatorRecord) -> Iterator[Node]:
        """Follow an operator but CALL_ONCE; yields the node that a further read is.

        Raises ``Unreadable``.
        """
        inputs, outputs = len(record.inputs), len(record.outputs)
        wanted = {"VAR_HANDLE": (0, 1), "READ_VARIABLE": (1, 1), "ASSIGN_VARIABLE": (2, 0)}
        if (inputs, outputs) != wanted[record.spelling] or min((*record.inputs, 0)) < 0:
            raise Unreadable("lacks an input or an output")
        if record.spelling == "VAR_HANDLE":
            self.handles[record.outputs[0]] = key = _key(record)
            self.found.setdefault(key, _Variable("/".join(filter(None, key)) or "variable"))
            return
        handle = self.handles.get(record.inputs[0])
        if handle is None:
            raise Unreadable("has no handle that a VAR_HANDLE before it makes")
        variable = self.found[handle]
        if record.spelling == "ASSIGN_VARIABLE":
            variable.value = self.tensor(record.inputs[1])
            variable.first = variable.first or variable.value
            return
        output = self.tensor(record.outputs[0])
        if variable.value is None:
            variable.read = variable.value = output
            variable.reader = f"operator {index} ({record.spelling})"
        else:
            yield _view(f"read_variable_{index}", variable.value, output, variable, record, index)

    def begin(self, once: "Variables") -> None:
        """Take what a CALL_ONCE assigns. Raises ``Unreadable``."""
        for key, other in once.found.items():
            variable = self.found.setdefault(key, _Variable(other.name))
            if other.value is None:
                continue
            if not other.value.constant:
                raise Unreadable(f"computes the initial value of variable {other.name!r}")
            if variable.value is not None:
                raise Unreadable(
                    f"initializes variable {other.name!r} after an operator has used it"
                )
            variable.initial = other.value

    def states(self, unique: Callable[[str], str]) -> Iterator[State | Node | Tensor | Reason]:
        """The variables that are read before they are assigned, as states of the graph.

        With them come nodes and tensors that give what is assigned the shape that is read, and what
        is wrong with variables. ``unique`` makes a name for a tensor.
        """
        for variable in self.found.values():
            read, value = variable.read, variable.value
            if read is None or value is None:
                continue  # nothing of an invocation before is used
            begins, place = variable.initial or variable.first, variable.reader
            if begins is None:
                what = f"reads variable {variable.name!r}, to which nothing gives a value"
                remedy = "initialize it in a subgraph that CALL_ONCE runs, or assign it"
                yield Reason(place=place, what=what, remedy=remedy)
                continue
            wrong = [t for t in (begins, value) if (t.size, t.dtype) != (read.size, read.dtype)]
            if wrong:
                yield _differs(variable, read, wrong[0], place)
                continue
            if value.shape != read.shape and not value.constant:
                name = unique(f"{value.name} ({variable.name})")
                shaped = replace(value, name=name, shape=read.shape)
                yield shaped
                yield _view(f"assign_variable_{name}", value, shaped, variable, None, None)
                value = shaped
            initial = (
                begins.values.reshape(read.shape)
                if variable.initial
                else np.full(read.shape, _zero(begins), read.dtype)
            )
            yield State(name=variable.name, read=read.name, written=value.name, initial=initial)


def _zero(tensor: Tensor) -> int:
    q = tensor.quantization
    return q.zero_point[0] if q and tensor.dtype == "int8" else 0


def _key(record: OperatorRecord) -> Key:
    if record.options is None or record.options_type != tflite.BuiltinOptions.VarHandleOptions:
        raise Unreadable("lacks its VarHandleOptions")
    options = tflite.VarHandleOptions()
    try:
        options.Init(record.options.Bytes, record.options.Pos)
        parts = [options.Container() or b"", options.SharedName() or b""]
    except DAMAGE as error:
        raise Unreadable("has damaged options") from error
    container, name = (part[:1024].decode("utf-8", errors="replace") for part in parts)
    return container, name


def _view(
    name: str,
    source: Tensor,
    output: Tensor,
    variable: _Variable,
    record: OperatorRecord | None,
    number: int | None,
) -> Node:
    """The node that gives a variable's value another name, shape or quantization."""
    if (source.size, source.dtype) != (output.size, output.dtype):
        reason = _differs(variable, output, source, "")
        raise Unreadable(reason.what)
    return Node(
        name=name,
        operator="reshape",
        inputs=(source.name,),
        outputs=(output.name,),
        attributes=Reshape(relabelled=source.quantization != output.quantization),
        source=record.spelling if record else "ASSIGN_VARIABLE",
        number=number,
    )


def _differs(variable: _Variable, read: Tensor, other: Tensor, place: str) -> Reason:
    what = (
        f"reads variable {variable.name!r} as {read.dtype} {read.shape}, and it is given "
        f"{other.dtype} {other.shape} by {other.name!r}"
    )
    return Reason(place=place, what=what, remedy="give both the same shape and type")
