"""Structure-aware mutations of ONNX files.

Every field is found by reflection on the protocol buffer; the attributes that an operator may have
come from the operator's own schema, so that those are tried, too, which no seed has.
"""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.campaigns.fuzzing import values

TEXTS = ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "constant", "edge", "reflect", "nearest")
TEXTS += ("linear", "asymmetric", "align_corners", "half_pixel", "floor", "ceil", "DCR", "CRD", "")
MICROSOFT = {  # attributes of operators whose schemas the package does not have
    "QGemm": ("alpha", "transA", "transB"),
    "QLinearAveragePool": ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads"),
    "QLinearGlobalAveragePool": ("channels_last",),
    "QLinearConcat": ("axis",),
    "QLinearSoftmax": ("axis", "opset"),
    "QLinearLeakyRelu": ("alpha",),
}
KINDS = {
    onnx.defs.OpSchema.AttrType.INT: "integer",
    onnx.defs.OpSchema.AttrType.INTS: "integers",
    onnx.defs.OpSchema.AttrType.FLOAT: "real",
    onnx.defs.OpSchema.AttrType.STRING: "text",
}
TENSOR_TYPES = (1, 2, 3, 6, 7, 9, 10, 11, 16, 21, 22)


def spoilt_message(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """The file with some fields of its messages changed, doubled, emptied or exchanged."""
    model = onnx.ModelProto.FromString(data)
    names = [_spoil_field(model, rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    return model.SerializeToString(), ",".join(names)


def spoilt_meaning(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """The file with changes that keep it plausible: attributes, constants, edges, types, sizes."""
    model = onnx.ModelProto.FromString(data)
    names = []
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        if model.graph.node:
            names.append(rng.choices(list(WEIGHTS), WEIGHTS.values())[0](model, rng))
    return model.SerializeToString(), ",".join(filter(None, names))


def _spoil_field(model: onnx.ModelProto, rng: random.Random) -> str:
    """Walk down from the model to a field of some message, and change it. Returns its name."""
    message: Any = model
    while True:
        present = [field for field, _ in message.ListFields()]
        below = [field for field in present if field.message_type]
        if rng.random() < 0.1 or not present:
            present = list(message.DESCRIPTOR.fields)
        elif below and rng.random() < 0.75:
            present = below
        field = rng.choice(present)
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == 3
        if field.message_type and not repeated and rng.random() < 0.9:
            message = getattr(message, field.name)
            continue
        if field.message_type and repeated and len(getattr(message, field.name)):
            items = getattr(message, field.name)
            if rng.random() < 0.8:
                message = rng.choice(items)
                continue
            _rearrange(items, rng)
            return name
        break
    if field.message_type or rng.random() < 0.1:
        message.ClearField(field.name)
    elif repeated:
        items = getattr(message, field.name)
        items[:] = _list(list(items), field, rng)
    else:
        setattr(message, field.name, _value(getattr(message, field.name), field, [], rng))
    return name


def _rearrange(items: Any, rng: random.Random) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    changed = values.rearranged(copies, rng.choice(copies), rng)
    del items[:]
    items.extend(changed)


def _list(old: list, field: Any, rng: random.Random) -> list:
    at = rng.randrange(len(old)) if old else 0
    fresh = _value(old[at] if old else field.default_value or 0, field, old, rng)
    if not old or rng.random() < 0.5:
        return values.rearranged(old, fresh, rng)
    return [*old[:at], fresh, *old[at + 1 :]]


def _value(old: Any, field: Any, others: list, rng: random.Random) -> Any:
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return values.real(float(old), others, rng)
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice(list(field.enum_type.values_by_number))
    if field.type == field.TYPE_BYTES:
        return values.content(old, rng) if old else rng.randbytes(rng.choice((0, 1, 4, 18)))
    if field.cpp_type == field.CPPTYPE_STRING:
        return values.text([*others, "Conv", "If", "w", ""], rng)
    bits = 32 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 64
    number = values.integer(int(old or 0), others, rng) % (1 << bits)
    signed = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
    return number - (1 << bits) if signed and number >> (bits - 1) else number


@cache
def _known_attributes(operator: str, domain: str) -> tuple[tuple[str, str], ...]:
    """Names and kinds of all attributes that an operator may have."""
    if domain not in ("", "ai.onnx"):
        kinds = {
            "kernel_shape": "integers",
            "pads": "integers",
            "auto_pad": "text",
            "alpha": "real",
        }
        return tuple((name, kinds.get(name, "integer")) for name in MICROSOFT.get(operator, ()))
    found: dict[str, str] = {}
    for entry in onnx.defs.get_all_schemas_with_history():
        if entry.name == operator and entry.domain == "":
            found |= {n: KINDS[a.type] for n, a in entry.attributes.items() if a.type in KINDS}
    return tuple(sorted(found.items()))


def _attribute(model: onnx.ModelProto, rng: random.Random) -> str:
    """Set, change or remove an attribute of a node."""
    node = rng.choice(model.graph.node)
    present = {attribute.name: attribute for attribute in node.attribute}
    known = dict(_known_attributes(node.op_type, node.domain))
    names = sorted({*known, *present})
    if not names:
        return ""
    name = rng.choice(names)
    old = present.get(name)
    if old is not None:
        given = helper.get_attribute_value(old)
        node.attribute.remove(old)
        if rng.random() < 0.15:
            return f"{node.op_type}.{name}"
    else:
        given = {"integer": 0, "integers": [1, 1], "real": 1.0, "text": ""}[known[name]]
    if isinstance(given, onnx.TensorProto):
        given = _other_tensor(given, rng)
    else:
        given = _other_attribute(given, rng)
    if given is not None:
        node.attribute.append(helper.make_attribute(name, given))
    return f"{node.op_type}.{name}"


def _other_attribute(given: Any, rng: random.Random) -> Any:
    if isinstance(given, (bytes, str)):
        return rng.choice(TEXTS)
    if isinstance(given, float):
        return values.real(given, [0.5, 2.0, 0.1], rng)
    if isinstance(given, int):
        return max(-(2**63), min(2**63 - 1, values.integer(given, [0, 1, 2, 3, -1], rng)))
    numbers = [int(number) for number in given if isinstance(number, int)]
    if rng.random() < 0.3:
        most = rng.choice((1, 2, 3))
        return [rng.randint(0, most) for _ in range(rng.choice((1, 2, 2, 4, 4)))]
    at = rng.randrange(len(numbers)) if numbers else 0
    fresh = values.integer(numbers[at] if numbers else 1, [0, 1, 2, 3], rng)
    fresh = max(-(2**63), min(2**63 - 1, fresh))
    if not numbers or rng.random() < 0.3:
        return values.rearranged(numbers, fresh, rng) or None
    return [*numbers[:at], fresh, *numbers[at + 1 :]]


def _constant(model: onnx.ModelProto, rng: random.Random) -> str:
    """Change the values, the type or the shape of a constant, or exchange it for another."""
    if not model.graph.initializer:
        return ""
    tensor = rng.choice(model.graph.initializer)
    changed = _other_tensor(tensor, rng)
    if rng.random() < 0.2:
        changed = onnx.TensorProto.FromString(
            rng.choice(model.graph.initializer).SerializeToString()
        )
    changed.name = tensor.name
    tensor.CopyFrom(changed)
    return "constant"


def _other_tensor(tensor: onnx.TensorProto, rng: random.Random) -> onnx.TensorProto:
    try:
        array = np.array(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError):
        return tensor
    kind = rng.randrange(8)
    with np.errstate(all="ignore"):
        if kind < 4 and array.size:
            at = rng.randrange(array.size)
            old = array.reshape(-1)[at].item()
            if array.dtype.kind == "f":
                fresh: Any = values.real(float(old), [], rng)
            else:
                fresh = values.integer(int(old), [], rng)
            each = slice(None) if rng.random() < 0.2 else slice(at, at + 1)
            wrapped = np.array(fresh, object if isinstance(fresh, int) else np.float64)
            if isinstance(fresh, int) and array.dtype.kind in "iu":
                bits = 8 * array.dtype.itemsize
                wrapped = np.array(fresh % (1 << bits), np.uint64).astype(array.dtype)
            array.reshape(-1)[each] = wrapped
        elif kind == 4 and array.dtype.kind in "iu":
            array = np.frombuffer(rng.randbytes(array.nbytes), array.dtype).reshape(array.shape)
        elif kind == 5:
            array = array.astype(rng.choice((np.uint8, np.int8, np.int32, np.int64, np.float32)))
        elif kind == 6:
            shape = rng.choice(((-1,), (1, *array.shape), array.shape[::-1], (*array.shape, 1)))
            array = array.reshape(shape)
        else:
            array = np.stack([array] * 2) if rng.random() < 0.3 else array.reshape(-1)[:1]
    return numpy_helper.from_array(array, tensor.name)


def _edge(model: onnx.ModelProto, rng: random.Random) -> str:
    """Have a node read or write another tensor, or one more or less."""
    node = rng.choice(model.graph.node)
    names = [name for other in model.graph.node for name in (*other.input, *other.output)]
    ends, side = (node.output, "output") if rng.random() < 0.15 else (node.input, "input")
    if not ends:
        return ""
    kind, at = rng.randrange(5), rng.randrange(len(ends))
    if kind < 3:
        ends[at] = rng.choice((rng.choice(names), rng.choice(names), ""))
    elif kind == 3:
        ends.append(rng.choice(names))
    else:
        del ends[at]
    return f"{node.op_type}.{side}"


def _operator(model: onnx.ModelProto, rng: random.Random) -> str:
    node = rng.choice(model.graph.node)
    others = [other.op_type for other in model.graph.node]
    plain = ("Relu", "Sigmoid", "Add", "Identity", "MaxPool", "Flatten", "Softmax", "Abs", "Clip")
    plain += ("GlobalAveragePool", "ReduceMean", "Squeeze", "Reshape", "Transpose", "ArgMin")
    before, node.op_type = node.op_type, rng.choice((*others, *plain))
    if rng.random() < 0.3:
        node.domain = rng.choice(("", "com.microsoft", "ai.onnx", "none"))
    return f"{before}.op_type"


def _port(model: onnx.ModelProto, rng: random.Random) -> str:
    """The type or the sizes that the file gives an input, an output or a value inside."""
    graph = model.graph
    kind = rng.choice(("input", "output", "value_info"))
    ports = getattr(graph, kind)
    if not ports:
        return ""
    of = rng.choice(ports).type.tensor_type
    if rng.random() < 0.3:
        of.elem_type = rng.choice(TENSOR_TYPES)
    elif of.shape.dim and rng.random() < 0.7:
        size = rng.choice(of.shape.dim)
        fresh = values.integer(size.dim_value or 1, [d.dim_value for d in of.shape.dim], rng)
        size.dim_value = max(-(2**63), min(2**63 - 1, fresh))
    else:
        _rearrange(of.shape.dim, rng) if of.shape.dim else of.shape.dim.add()
    return kind


def _opset(model: onnx.ModelProto, rng: random.Random) -> str:
    if not model.opset_import:
        return ""
    rng.choice(model.opset_import).version = rng.choice((1, *range(6, 27), 99, 0))
    return "opset"


def _nodes(model: onnx.ModelProto, rng: random.Random) -> str:
    _rearrange(model.graph.node, rng)
    return "nodes"


WEIGHTS: dict[Callable[[onnx.ModelProto, random.Random], str], int] = {
    _attribute: 6,
    _constant: 6,
    _edge: 3,
    _operator: 1,
    _port: 2,
    _opset: 1,
    _nodes: 1,
}
