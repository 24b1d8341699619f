"""Rewrites of a float network that the runtime's own optimizer leaves out."""

from typing import Any

import numpy as np


def simplify(proto: Any) -> None:
    """Rewrite a folded ``onnx.ModelProto`` in place; every rule keeps what it computes."""
    for rule in (
        _fold_batch_normalization,
        _convolve_batch_normalization,
        _flatten_biases,
        _pool_means,
        _join_hard_swish,
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
