"""Rewrites of a float network that the runtime's own optimizer leaves out."""

from typing import Any

import numpy as np

from .gelu import join_gelus
from .sequences import dense_layers, kernel, orders
from .starts import Scaling, into_weights, scaling_of

_MOVES = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")


def simplify(proto: Any) -> None:
    """Rewrite a folded ``onnx.ModelProto`` in place; every rule keeps what it computes."""
    for rule in (
        _fold_batch_normalization,
        _convolve_batch_normalization,
        _flatten_biases,
        _pool_means,
        _join_hard_swish,
        _join_gelus,
        _convolve_sequences,
        _fold_start,
    ):
        rule(proto)


def _ranks(proto: Any) -> dict[str, int]:
    ports = (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
    return {port.name: len(port.type.tensor_type.shape.dim) for port in ports}


def _constants(proto: Any) -> dict[str, np.ndarray]:
    from onnx import numpy_helper

    return {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}


def _store(proto: Any, name: str, data: np.ndarray) -> str:
    """Add a constant under a name that is not taken, and return the name."""
    from onnx import numpy_helper

    taken = {tensor.name for tensor in proto.graph.initializer}
    while name in taken:
        name += "_"
    proto.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(data), name))
    return name


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx import helper

    found = [helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return found[0] if found else default


def _batch_normalization(node: Any, constants: dict) -> tuple[np.ndarray, np.ndarray]:
    """A BatchNormalization's factor and offset of each channel, float64 ``[channels]``."""
    scale, shift, mean, variance = (constants[n].astype(np.float64) for n in node.input[1:5])
    factor = scale / np.sqrt(variance + _attribute(node, "epsilon", 1e-5))
    return factor, shift - mean * factor


def _fold_batch_normalization(proto: Any) -> None:
    """Gemm and BatchNormalization, PyTorch's Linear and BatchNorm1d, become one Gemm."""
    constants, graph = _constants(proto), proto.graph
    ends = {port.name for port in graph.output}
    for node in [n for n in graph.node if n.op_type == "BatchNormalization"]:
        before = [n for n in graph.node if node.input[0] in n.output]
        readers = [n for n in graph.node if node.input[0] in n.input]
        if not before or before[0].op_type != "Gemm" or len(readers) > 1:
            continue
        gemm = before[0]
        needed = [*gemm.input[1:], *node.input[1:]]
        scaled = _attribute(gemm, "alpha", 1.0) != 1 or _attribute(gemm, "beta", 1.0) != 1
        if scaled or node.input[0] in ends or not all(name in constants for name in needed):
            continue
        factor, offset = _batch_normalization(node, constants)
        weights = constants[gemm.input[1]].astype(np.float64)
        weights *= factor[:, None] if _attribute(gemm, "transB", 0) else factor
        bias = constants[gemm.input[2]].reshape(-1) if len(gemm.input) > 2 else 0.0
        bias = bias * factor + offset
        made = [
            _store(proto, f"{gemm.output[0]}_{what}", data.astype(np.float32))
            for what, data in (("weights", weights), ("bias", bias))
        ]
        gemm.input[:] = [gemm.input[0], *made]
        gemm.output[0] = node.output[0]
        graph.node.remove(node)


def _convolve_batch_normalization(proto: Any) -> None:
    """Batch normalizations that cannot be folded become 1x1 convolutions of single channels."""
    from onnx import helper

    constants, ranks = _constants(proto), _ranks(proto)
    for node in proto.graph.node:
        rank = ranks.get(node.input[0], 0) if node.op_type == "BatchNormalization" else 0
        if rank not in (3, 4) or not all(name in constants for name in node.input[1:]):
            continue
        factor, offset = _batch_normalization(node, constants)
        weights = factor.reshape(-1, *(1,) * (rank - 1))
        made = [
            _store(proto, f"{node.output[0]}_{what}", data.astype(np.float32))
            for what, data in (("weights", weights), ("bias", offset))
        ]
        node.op_type = "Conv"
        node.input[:] = [node.input[0], *made]
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("group", len(factor)))


def _flatten_biases(proto: Any) -> None:
    """Biases ``[1, n]`` of Gemm become ``[n]``; the quantizer fails on others."""
    constants = _constants(proto)
    for node in proto.graph.node:
        if node.op_type == "Gemm" and len(node.input) > 2 and node.input[2] in constants:
            bias = constants[node.input[2]]
            if bias.ndim == 2 and len(bias) == 1:
                node.input[2] = _store(proto, f"{node.input[2]}_flat", bias.reshape(-1))


def _pool_means(proto: Any) -> None:
    """Means over height and width become global pools, which the runtime computes in integers."""
    constants, ranks = _constants(proto), _ranks(proto)
    for node in proto.graph.node:
        if node.op_type != "ReduceMean" or ranks.get(node.input[0]) != 4:
            continue
        axes = _attribute(node, "axes", ())
        if len(node.input) > 1 and node.input[1] in constants:
            axes = constants[node.input[1]].tolist()
        if sorted(axis % 4 for axis in axes) == [2, 3] and _attribute(node, "keepdims", 1):
            node.op_type = "GlobalAveragePool"
            del node.attribute[:], node.input[1:]


def _join_hard_swish(proto: Any) -> None:
    """HardSigmoid and Mul, which the runtime's optimizer makes of HardSwish, become HardSwish
    again."""
    graph = proto.graph
    for gate in [node for node in graph.node if node.op_type == "HardSigmoid"]:
        readers = [node for node in graph.node if gate.output[0] in node.input]
        if len(readers) != 1 or readers[0].op_type != "Mul":
            continue
        product = readers[0]
        slope, offset = _attribute(gate, "alpha", 0.2), _attribute(gate, "beta", 0.5)
        same = sorted(product.input) == sorted((gate.input[0], gate.output[0]))
        if same and np.float32(slope) == np.float32(1 / 6) and offset == 0.5:
            product.op_type = "HardSwish"
            product.input[:] = [gate.input[0]]
            graph.node.remove(gate)


def _join_gelus(proto: Any) -> None:
    """GELUs of several operators become one."""
    join_gelus(proto, _constants(proto))


def _plain_gemm(node: Any) -> bool:
    """Whether a Gemm is a dense layer: nothing is scaled, and its input is as it comes."""
    scaled = _attribute(node, "alpha", 1.0) != 1 or _attribute(node, "beta", 1.0) != 1
    return not scaled and not _attribute(node, "transA", 0)


def _convolve_sequences(proto: Any) -> None:
    """Dense layers on sequences become convolutions, whose steps are no batch."""
    from onnx import helper

    constants, graph = _constants(proto), proto.graph
    for before, gemm, after, shape in dense_layers(proto):
        vectors = list(gemm.input[1:])
        if not _plain_gemm(gemm) or not all(name in constants for name in vectors):
            continue
        there, back = orders(len(shape))
        name, transposed = after.output[0], bool(_attribute(gemm, "transB", 0))
        weights = kernel(constants[vectors[0]], transposed, len(shape))
        made = [_store(proto, f"{name}_weights", weights)]
        if len(vectors) > 1:
            bias = np.broadcast_to(constants[vectors[1]].reshape(-1), len(weights))
            made.append(_store(proto, f"{name}_bias", bias))
        first = helper.make_node(
            "Transpose", [before.input[0]], [f"{name}_channels"], f"{name}_to_channels", perm=there
        )
        conv = helper.make_node(
            "Conv", [f"{name}_channels", *made], [f"{name}_convolved"], f"{name}_conv"
        )
        last = helper.make_node(
            "Transpose", [f"{name}_convolved"], [name], f"{name}_to_sequence", perm=back
        )
        at = list(graph.node).index(after)
        for node in (last, conv, first):
            graph.node.insert(at, node)
        graph.node.remove(after)
        graph.node.remove(gemm)
        if not any(before.output[0] in node.input for node in graph.node):
            graph.node.remove(before)


def _fold_start(proto: Any) -> None:
    """Scalings at the input go into the first layer, or become one."""
    graph, constants, ranks = proto.graph, _constants(proto), _ranks(proto)
    port = graph.input[0]
    scaling = scaling_of(proto, constants, ranks[port.name])
    if scaling is None:
        return
    tensor = scaling.tensor
    if scaling.factor.size == scaling.offset.size == 1:  # nothing that moves values changes it
        while True:
            readers = [node for node in graph.node if tensor in node.input]
            if len(readers) != 1 or readers[0].op_type not in _MOVES:
                break
            tensor = readers[0].output[0]
    readers = [node for node in graph.node if tensor in node.input]
    found = [_folded_layer(node, tensor, scaling, constants) for node in readers]
    folded = [one for one in found if one is not None]
    ends = {end.name for end in graph.output}
    if not readers or tensor in ends or len(folded) < len(readers):
        _scaling_layer(proto, scaling, port)
        return
    for node, (weights, bias) in zip(readers, folded, strict=True):
        node.input[1] = _store(proto, f"{node.output[0]}_weights", weights)
        if bias is not None:
            del node.input[2:]
            node.input.append(_store(proto, f"{node.output[0]}_bias", bias))
    _replace_nodes(graph, scaling, port.name)


def _folded_layer(
    node: Any, tensor: str, scaling: Scaling, constants: dict
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """A layer's weights and bias with a scaling before it; None where it cannot take it."""
    wanted = node.op_type in ("Conv", "Gemm", "MatMul") and node.input[0] == tensor
    if not wanted or not all(name in constants for name in node.input[1:] if name):
        return None
    if node.op_type == "Gemm" and not _plain_gemm(node):
        return None
    weights, transposed = constants[node.input[1]], bool(_attribute(node, "transB", 0))
    pads = _attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
    padded = node.op_type == "Conv" and (pads or any(_attribute(node, "pads", ())))
    group = _attribute(node, "group", 1)
    made = into_weights(scaling, node, weights, padded, transposed, group)
    if made is None:
        return None
    added = made[1]
    if not added.any():
        return made[0], None
    if node.op_type == "MatMul":
        return None
    has_bias = len(node.input) > 2 and node.input[2]
    bias = constants[node.input[2]].astype(np.float64).reshape(-1) if has_bias else 0.0
    return made[0], (bias + added).astype(np.float32)


def _replace_nodes(graph: Any, scaling: Scaling, name: str) -> None:
    """Take a scaling's operators out: what read their result reads ``name``."""
    for node in scaling.nodes:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [name if other == scaling.tensor else other for other in node.input]


def _scaling_layer(proto: Any, scaling: Scaling, port: Any) -> None:
    """A scaling as a 1x1 convolution of single channels, or as a product and a sum."""
    from onnx import helper

    graph, rank = proto.graph, len(port.type.tensor_type.shape.dim)
    channels = port.type.tensor_type.shape.dim[1].dim_value
    name, result = port.name, scaling.tensor
    for node in scaling.nodes:
        graph.node.remove(node)
    factor, offset = scaling.factor, scaling.offset
    if rank in (3, 4) and result not in {end.name for end in graph.output}:
        weights = np.broadcast_to(factor, channels).reshape(-1, *(1,) * (rank - 1))
        inputs = [name, _store(proto, f"{name}_factor", weights.astype(np.float32))]
        bias = np.broadcast_to(offset, channels).astype(np.float32)
        inputs.append(_store(proto, f"{name}_offset", bias))
        graph.node.insert(0, helper.make_node("Conv", inputs, [result], group=channels))
        return
    around = (1, -1, *(1,) * (rank - 2))
    steps = [("Mul", factor)] + ([("Add", offset)] if offset.any() else [])
    for index, (kind, values) in reversed(list(enumerate(steps))):
        source = f"{name}_scaled" if index else name
        target = result if index == len(steps) - 1 else f"{name}_scaled"
        data = values.reshape(around if values.size > 1 else ()).astype(np.float32)
        constant = _store(proto, f"{name}_{kind.lower()}", data)
        graph.node.insert(0, helper.make_node(kind, [source, constant], [target]))
