"""Numbers that are quantized twice in a row, which ONNX Runtime does once.

At its higher levels the runtime makes one pair of a QuantizeLinear and a DequantizeLinear of two
that follow each other. The one that is left covers the numbers that both have codes for; results
are those of neither scale of the file, and we follow.

Source: onnxruntime/core/optimizer/double_qdq_pairs_remover.cc.
"""

from dataclasses import replace

import numpy as np

from .file import FileRecord, NodeRecord

_PAIR = "QuantizeLinear", "DequantizeLinear"
Affine = tuple[np.float32, int, np.dtype]


def without_double_pairs(record: FileRecord) -> FileRecord:
    """The file as the runtime sees it; the inner two of four nodes become identities."""
    chains = _Chains(record)
    for node in record.nodes:
        chain = chains.around(node.index)
        if chain is not None:
            chains.shorten(chain)
    nodes = tuple(chains.nodes[node.index] for node in record.nodes)
    return replace(record, nodes=nodes, constants=chains.constants)


class _Chains:
    """Nodes by their numbers, and which one alone reads a tensor."""

    def __init__(self, record: FileRecord) -> None:
        self.nodes = {node.index: node for node in record.nodes}
        self.constants = dict(record.constants)
        self._makers = {name: node.index for node in record.nodes for name in node.outputs}
        readers: dict[str, list[int]] = {}
        for node in record.nodes:
            for name in node.inputs:
                readers.setdefault(name, []).append(node.index)
        ends = {port.name for port in record.outputs}
        self._reader = {
            name: found[0]
            for name, found in readers.items()
            if len(found) == 1 and name not in ends
        }

    def around(self, index: int) -> list[NodeRecord] | None:
        """Two pairs, of which a node is the second of four."""
        node = self.nodes[index]
        maker = self._makers.get(node.inputs[0]) if node.inputs else None
        if node.spelling != _PAIR[1] or maker is None:
            return None
        chain = [self.nodes[maker]]
        while len(chain) < len(_PAIR) * 2:
            following = self._reader.get(chain[-1].outputs[0])
            if following is None:
                return None
            chain.append(self.nodes[following])
        return chain if [n.spelling for n in chain] == [*_PAIR, *_PAIR] else None

    def shorten(self, chain: list[NodeRecord]) -> None:
        """Make one pair of two, if the runtime does."""
        affine = [_affine(node, self.constants) for node in chain]
        if affine[0] is None or affine[2] is None or affine[::2] != affine[1::2]:
            return
        both, output = _covered(affine[0], affine[2]), chain[0].outputs[0]
        names = [f"{output} {part} of two" for part in ("scale", "zero point")]
        if both is None:
            return
        scale, zero_point, dtype = both
        values = np.array(scale), np.array(zero_point, dtype)
        self.constants.update(zip(names, values, strict=True))
        first, *inner, last = chain
        for node in inner:
            idle = replace(node, spelling="Identity", inputs=node.inputs[:1], attributes={})
            self.nodes[node.index] = idle
        self.nodes[first.index] = replace(first, inputs=(first.inputs[0], *names))
        self.nodes[last.index] = replace(last, inputs=(output, *names))
        self._reader[output] = last.index


def _affine(node: NodeRecord, constants: dict[str, np.ndarray]) -> Affine | None:
    """Scale, zero point and type of the codes, if they are constants of one number."""
    if len(node.inputs) != 3:
        return None
    scale, zero_point = (constants.get(name) for name in node.inputs[1:])
    if scale is None or zero_point is None or scale.size != 1 or zero_point.size != 1:
        return None
    if scale.dtype != np.float32 or zero_point.dtype.name not in ("int8", "uint8"):
        return None
    return np.float32(scale.item()), int(zero_point.item()), zero_point.dtype


def _covered(a: Affine, b: Affine) -> Affine | None:
    """The quantization of the numbers that both cover, if there are any."""
    if a[2] != b[2]:
        return None
    if a == b:
        return a
    low, high = np.iinfo(a[2]).min, np.iinfo(a[2]).max
    with np.errstate(all="ignore"):
        least = max(np.float32(low - zero) * scale for scale, zero, _ in (a, b))
        most = min(np.float32(high - zero) * scale for scale, zero, _ in (a, b))
        scale = (most - least) / np.float32(high - low)
        exact = np.float32(low) - least / scale
    if not (np.isfinite(scale) and scale > 0 and np.isfinite(exact)):
        return None
    zero_point = int(np.copysign(np.floor(np.abs(exact) + 0.5), exact))  # halves away from 0
    return (scale, zero_point, a[2]) if low <= zero_point <= high else None
