"""Live answers of the ``qonnx`` contract's oracle: the package's own execution, node by node."""

import warnings

import numpy as np
import onnx
import pytest

pytest.importorskip("qonnx")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.qonnx_to_qcdq import QuantToQCDQ
    from qonnx.util.cleanup import cleanup_model


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


def cleaned(model: bytes, clipped: bool) -> bytes:
    """A model after ``qonnx-cleanup``, and with its quantizers as QCDQ where they are
    ``clipped``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = cleanup_model(ModelWrapper(onnx.load_model_from_string(model)))
        wrapper = wrapper.transform(QuantToQCDQ()) if clipped else wrapper
    return wrapper.model.SerializeToString()
