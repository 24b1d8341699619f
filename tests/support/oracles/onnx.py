"""Live answers of the ``onnx`` contract's oracle: ONNX Runtime on the CPU."""

import numpy as np
import pytest

from accel.quantization.saturation import may_saturate

# Its answers are those of one version; for some Pythons there are only older ones.
onnxruntime = pytest.importorskip("onnxruntime", minversion="1.32")
state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")

LEVELS = {
    "ALL": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "NONE": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
FATAL_ONLY = 4  # its refusals are raised, and need not be printed too
# What it raises for models that it does not run; these classes have no ancestor of their own.
REFUSALS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.NotImplemented,
    state.RuntimeException,
)


def onnx_runtime(
    model: bytes, inputs: dict[str, np.ndarray], level: str = "ALL"
) -> list[np.ndarray]:
    """Run a model and return its outputs in order."""
    return session(model, level).run(None, inputs)


def one_by_one(model: bytes, inputs: dict[str, np.ndarray], level: str = "ALL") -> list[np.ndarray]:
    """Run a model of a fixed batch of 1 on each sample of ``[N, ...]``."""
    running, pieces = session(model, level), []
    for index in range(len(next(iter(inputs.values())))):
        sample = {name: x[index : index + 1] for name, x in inputs.items()}
        pieces.append(running.run(None, sample))
    return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]


def session(model: bytes, level: str) -> onnxruntime.InferenceSession:
    """Skips the test where the answers of this model depend on the processor."""
    if may_saturate(model):
        pytest.skip("ONNX Runtime's sums saturate on a processor without VNNI")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = LEVELS[level]
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
