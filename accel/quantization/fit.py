"""Fits scales and biases of low-bit weights to what the float network answers for samples.

Layer after layer, each output channel of the low-bit network is compared with the same channel of
the float network: the least-squares line through both gives the factor of its scale and the
correction of its bias. A later layer is fitted to what the earlier ones compute by then.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from .low_bit import LowBitLayer
from .runtime import Advance, quiet

MOST_SAMPLES = 256
LEAST_FACTOR = 0.1  # of a scale: the line of a channel that is noise may be flat


def fitted(
    before: Any,
    low_bit: Any,
    layers: list[LowBitLayer],
    x: np.ndarray,
    name: str,
    advance: Advance | None = None,
) -> list[LowBitLayer]:
    """Fit ``layers``, in the order of the network, and write them to the ``ModelProto``
    ``low_bit``.

    ``before`` is the same network with its float weights, ``x`` are samples float32 ``[N, ...]``.
    """
    from onnx import numpy_helper

    samples = x[:MOST_SAMPLES]
    wanted = _outputs(before, [layer.output for layer in layers], samples, name)
    constants = {tensor.name: tensor for tensor in low_bit.graph.initializer}
    shared = [layer.weights for layer in layers]
    done = []
    for count, layer in enumerate(layers, 1):
        if shared.count(layer.weights) == 1:
            (ours,) = _outputs(low_bit, [layer.output], samples, name)
            factor, lacking = _line(ours, wanted[count - 1], layer.channel)
            if layer.scale.size == 1:  # one line has to do
                lacking, factor = lacking * 0, np.array([factor.mean()])
            scale = layer.scale * factor.reshape(layer.scale.shape)
            layer = replace(layer, scale=scale.astype(np.float32))
            _put(constants[layer.weights], layer.values)
            if layer.bias is not None:
                bias = numpy_helper.to_array(constants[layer.bias])
                _put(constants[layer.bias], (bias * factor + lacking).astype(np.float32))
        done.append(layer)
        if advance is not None:
            advance(count)
    return done


def _put(tensor: Any, value: np.ndarray) -> None:
    from onnx import numpy_helper

    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), tensor.name))


def _line(ours: np.ndarray, wanted: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The line from our values to the wanted ones, for each channel: factor and offset,
    ``[channels]``."""
    one, other = (
        np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1).astype(np.float64)
        for a in (ours, wanted)
    )
    means = one.mean(axis=1), other.mean(axis=1)
    a, b = one - means[0][:, None], other - means[1][:, None]
    spread = (a * a).sum(axis=1)
    factor = np.where(spread > 0, (a * b).sum(axis=1) / np.where(spread > 0, spread, 1), 1.0)
    factor = np.maximum(factor, LEAST_FACTOR)
    return factor, means[1] - factor * means[0]


def _outputs(proto: Any, tensors: list[str], x: np.ndarray, name: str) -> list[np.ndarray]:
    """Values of inner tensors of a network, ``[N, ...]``, for samples."""
    import onnx

    probed = onnx.ModelProto()
    probed.CopyFrom(proto)
    del probed.graph.output[:]
    probed.graph.output.extend(onnx.ValueInfoProto(name=tensor) for tensor in tensors)
    with quiet(name) as ort:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        session = ort.InferenceSession(
            probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        source = session.get_inputs()[0].name
        answers = [session.run(None, {source: sample[np.newaxis]}) for sample in x]
    return [np.concatenate(arrays) for arrays in zip(*answers, strict=True)]
