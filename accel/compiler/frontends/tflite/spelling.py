"""A row of TFLite's operators, and how rows read options and constants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tflite

from ...ir.graph import Tensor

Options = Any  # an object of one of the tflite package's options classes
Operands = tuple[Tensor | None, ...]  # None for an absent input
Results = tuple[Tensor, ...]

ACTIVATIONS = {
    code: name.lower()
    for name, code in vars(tflite.ActivationFunctionType).items()
    if isinstance(code, int)
}


TYPES = {code for code in vars(tflite.TensorType).values() if isinstance(code, int)}
ANEW = "convert the model anew"


class Unreadable(Exception):
    """An operator whose options or constants make no sense; the message says what."""


@dataclass(frozen=True)
class Spelling:
    """A TFLite operator: our operator's name, its options class or None, and its reader.

    ``attributes(options, inputs, outputs)`` returns our operator's attributes or raises
    ``Unreadable``. Our node has ``operands`` inputs, from the file's input ``first`` on (None: all
    of them), of which the last ``optional`` may be absent; ``order`` permutes them. The file's
    other inputs are constants that become attributes; ``constants`` lists their possible numbers.
    ``outputs`` is the number of outputs, None for any. An operator that updates variable tensors
    has ``operands`` inputs in the file, of which the node has those that are ``chosen``, none
    absent; ``variables`` are among them.
    """

    operator: str
    options: type | None
    attributes: Callable[[Options, Operands, Results], Any]
    operands: int | None = 1
    optional: int = 0
    first: int = 0
    constants: tuple[int, ...] = (0,)
    outputs: int | None = 1
    order: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()
    variables: tuple[int, ...] = ()

    def read(
        self, options: Options, inputs: Operands, outputs: Results
    ) -> tuple[tuple[Tensor, ...], Any]:
        """The node's inputs and its attributes. Raises ``Unreadable``."""
        if self.chosen:  # which inputs are absent says which variant it is
            attributes = self.attributes(options, inputs, outputs)
            return self.own(inputs, outputs), attributes
        own = self.own(inputs, outputs)
        return own, self.attributes(options, inputs, outputs)

    def own(self, inputs: Operands, outputs: Results) -> tuple[Tensor, ...]:
        """The inputs that are the node's, without absent ones, which are the last.

        Raises ``Unreadable`` where a required input or an output is absent.
        """
        if self.chosen:
            picked = [inputs[number] if number < len(inputs) else None for number in self.chosen]
            tensors = tuple(tensor for tensor in picked if tensor is not None)
            if len(tensors) < len(picked) or len(outputs) != self.outputs:
                raise Unreadable("lacks an input or an output")
            if len(inputs) != self.operands:
                raise Unreadable(f"has {len(inputs)} inputs, not {self.operands}")
            return tensors
        wanted = len(inputs) if self.operands is None else self.operands
        found = inputs[self.first : self.first + wanted]
        present = found[: wanted - self.optional]
        lacking = len(present) < max(wanted - self.optional, 1) or None in present
        if lacking or not outputs or (self.outputs is not None and len(outputs) != self.outputs):
            raise Unreadable("lacks an input or an output")
        most = len(inputs) if self.operands is None else wanted + max(self.constants)
        least = len(inputs) if self.operands is None else len(present) + min(self.constants)
        if not least <= len(inputs) <= most:
            numbers = f"{most}" if least == most else f"{least} to {most}"
            raise Unreadable(f"has {len(inputs)} inputs, not {numbers}")
        ordered = [found[index] for index in self.order if index < len(found)] or found
        return tuple(tensor for tensor in ordered if tensor is not None)


def shape_of(inputs: Operands, index: int = 0) -> tuple[int, ...]:
    """The shape of an input; raises ``Unreadable`` where it is absent."""
    tensor = inputs[index] if index < len(inputs) else None
    if tensor is None:
        raise Unreadable("lacks an input or an output")
    return tensor.shape


def activation(options: Options) -> str:
    """The name of a fused activation; of an unknown one the check will complain."""
    code = options.FusedActivationFunction()
    return ACTIVATIONS.get(code, f"number {code}")


def integers(inputs: Operands, index: int, what: str) -> tuple[int, ...]:
    """The values of a constant input, flattened; ``what`` they are, for the message."""
    tensor = inputs[index] if index < len(inputs) else None
    if tensor is None or not tensor.constant or tensor.dtype not in ("int32", "int64"):
        raise Unreadable(f"has {what} that are not constant integers")
    return tuple(int(value) for value in tensor.values.reshape(-1))


def axes(inputs: Operands, index: int, dims: int) -> tuple[int, ...]:
    """Axes of a tensor of ``dims`` dimensions, counted from the front, sorted and distinct."""
    found = integers(inputs, index, "axes")
    return tuple(sorted({from_front(axis, dims) for axis in found}))


def from_front(axis: int, dims: int) -> int:
    """An axis counted from the front; the file may count from the back, from -1 on."""
    if not -dims <= axis < dims:
        raise Unreadable(f"has an axis {axis} of {dims} dimensions")
    return axis % dims


def of_axis(inputs: Operands, index: int, dims: int) -> int:
    """One axis, counted from the front."""
    found = axes(inputs, index, dims)
    if len(found) != 1:
        raise Unreadable(f"has {len(found)} axes, not one")
    return found[0]


def check_said(field: str, value: int, expected: int, what: str) -> None:
    """Require a field of the options to equal what the tensors say, where kernels use the field."""
    if value != expected:
        raise Unreadable(f"has {field} {value} and {expected} {what}; {ANEW}")


def check_result(output: Tensor, shape: tuple[int, ...]) -> None:
    """Require the output's shape to be the one that the options and constants make."""
    if output.shape != shape:
        what = f"makes {shape}, but output {output.name!r} has shape {output.shape}"
        raise Unreadable(f"{what}; {ANEW}")


def check_type(code: int, what: str) -> None:
    """Require a field to name one of the format's types, even where it is not used."""
    if code not in TYPES:
        raise Unreadable(f"has {what} of type {code}, which does not exist; {ANEW}")
