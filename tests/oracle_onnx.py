"""Live answers of the ``onnx`` contract's oracle: ONNX Runtime on the CPU."""

import numpy as np
import pytest

# Its answers are those of one version; for some Pythons there are only older ones.
onnxruntime = pytest.importorskip("onnxruntime", minversion="1.32")

LEVELS = {
    "ALL": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "NONE": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
ERRORS_ONLY = 3


def onnx_runtime(
    model: bytes, inputs: dict[str, np.ndarray], level: str = "ALL"
) -> list[np.ndarray]:
    """Run a model and return its outputs in order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.graph_optimization_level = LEVELS[level]
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)
