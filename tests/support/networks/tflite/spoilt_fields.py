"""Changes single fields of files of one operator, so that they contradict what others say."""

from typing import Any

import numpy as np

from tests.support.networks.tflite.files import NUMBERS, File

Rng = np.random.Generator
FLOATS = (0.0, 0.5, 1.0, 2.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30)


def spoil(file: File, rng: Rng) -> str:
    """Change one field of options, tensors, constants or links, and say which and how."""
    changes = [_option, _option, _shape, _quantization, _quantization, _constant, _link]
    while True:
        said = changes[rng.integers(len(changes))](file, rng)
        if said:
            return said


def _other(value: int, rng: Rng) -> int:
    choices = (value + 1, value - 1, 2 * value, 0, 1, 2, 3, -1, -2, int(rng.integers(-5, 10)))
    return int(rng.choice(choices))


def _option(file: File, rng: Rng) -> str:
    options = file.options
    names = sorted(vars(options)) if options is not None else []
    if not names:
        return ""
    name = names[rng.integers(len(names))]
    value = getattr(options, name)
    if isinstance(value, (bool, np.bool_)):
        new: Any = not value
    elif isinstance(value, float):
        new = float(rng.choice(FLOATS))
    elif isinstance(value, list) or value is None:
        new = _other_list(list(value or ()), rng)
        if name == "quantSpec":
            return ""
    else:
        new = max(0, _other(int(value), rng)) if name in ("padding",) else _other(int(value), rng)
        new = abs(new) if name in ("fusedActivationFunction", "weightsFormat") else new
    setattr(options, name, new)
    return f"{name} {value} -> {new}"


def _other_list(values: list[int], rng: Rng) -> list[int]:
    kind = rng.integers(4)
    at = int(rng.integers(len(values))) if values else 0
    if kind == 0 or not values:
        values.insert(at, _other(1, rng))
    elif kind == 1:
        del values[at]
    else:
        values[at] = _other(int(values[at]), rng)
    return values


def _tensor(file: File, rng: Rng) -> Any:
    operator = file.graph.operators[-1]
    used = [i for i in (*operator.inputs, *operator.outputs) if i >= 0]  # an output at least
    return file.graph.tensors[used[rng.integers(len(used))]]


def _shape(file: File, rng: Rng) -> str:
    tensor = _tensor(file, rng)
    before = list(tensor.shape)
    tensor.shape = _other_list(list(before), rng)
    if tensor.buffer == 0 and tensor.shape[:1] != [1]:  # a batch, which is refused anyway
        tensor.shape = before
        return ""
    return f"shape of {tensor.name} {before} -> {tensor.shape}"


def _quantization(file: File, rng: Rng) -> str:
    tensor = _tensor(file, rng)
    q = tensor.quantization
    if q is None or not q.scale or not q.zeroPoint:
        return ""
    kind = rng.integers(6)
    if kind == 0:
        q.zeroPoint = [] if rng.random() < 0.5 else None
    elif kind == 1:
        q.quantizedDimension = int(rng.integers(-1, 6))
    elif kind == 2:
        q.scale = [float(np.float32(s * rng.choice((0.5, 2.0, 1.1)))) for s in q.scale]
    elif kind == 3:
        q.zeroPoint = [_other(z, rng) for z in q.zeroPoint]
    elif kind == 4:
        q.scale = [*q.scale, q.scale[-1] * 2] if rng.random() < 0.5 else list(q.scale)[:-1]
        q.zeroPoint = [0] * len(q.scale)
    else:
        q.scale = list(q.scale)[:1]
        q.zeroPoint = list(q.zeroPoint)[: rng.integers(0, 3)]
    said = f"{[float(s) for s in q.scale]}, {q.zeroPoint}, axis {q.quantizedDimension}"
    return f"quantization of {tensor.name} -> {said}"


def _constant(file: File, rng: Rng) -> str:
    operator = file.graph.operators[-1]
    tensors = [file.graph.tensors[i] for i in operator.inputs if i >= 0]
    tensors = [t for t in tensors if t.buffer and NUMBERS[t.type] == "int32"]
    if not tensors:
        return ""
    tensor = tensors[rng.integers(len(tensors))]
    before = file.data(tensor).tolist()
    if not before:
        return ""
    after = list(before)
    if len(before) == 1 or rng.random() < 0.8:
        at = rng.integers(len(before))
        after[at] = _other(after[at], rng)
    else:
        after = _other_list(after, rng)
        tensor.shape = [len(after)]
    file.set_data(tensor, after)
    return f"constant {tensor.name} {before} -> {after}"


def _link(file: File, rng: Rng) -> str:
    operator = file.graph.operators[-1]
    before = list(operator.inputs), list(operator.outputs)
    if min(before[0], default=-1) < 0:
        return ""
    kind = rng.integers(5)
    if kind == 0:
        operator.inputs = operator.inputs[:-1]
    elif kind == 1:
        operator.inputs = [*operator.inputs, int(rng.choice(operator.inputs))]
    elif kind == 2:
        operator.inputs[rng.integers(len(operator.inputs))] = -1
    elif kind == 3 and len(operator.outputs) > 1:
        operator.outputs = operator.outputs[:-1]
        file.graph.outputs = list(operator.outputs)
    else:
        tensor = file.graph.tensors[operator.inputs[rng.integers(len(operator.inputs))]]
        if tensor.buffer == 0:
            return ""
        number = file.graph.tensors.index(tensor)
        tensor.buffer = 0
        file.graph.inputs.append(number)
        return f"constant {tensor.name} is an input"
    return f"links {before} -> {operator.inputs}, {operator.outputs}"
