"""Live answers of the ``qonnx`` contract's oracle: the package's own execution, node by node."""

import warnings

import numpy as np
import onnx

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes


def qonnx(model: bytes, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a model with one input, ``[N, ...]``, of samples ``[N, ...]``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = ModelWrapper(onnx.load_model_from_string(model)).transform(InferShapes())
        name = wrapper.graph.input[0].name
        runs = [execute_onnx(wrapper, {name: sample[None]}, True) for sample in x]
    constants = {tensor.name for tensor in wrapper.graph.initializer}
    return {
        tensor: np.concatenate([run[tensor] for run in runs])
        for tensor in runs[0]
        if tensor and tensor not in constants and runs[0][tensor].shape[:1] == (1,)
    }
