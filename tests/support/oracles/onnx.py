"""Live answers of the ``onnx`` contract's oracle: ONNX Runtime on the CPU."""

import numpy as np
import pytest

# Its answers are those of one version; for some Pythons there are only older ones.
onnxruntime = pytest.importorskip("onnxruntime", minversion="1.32")
state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")

LEVELS = {
    "ALL": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "NONE": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
# Without VNNI its sums of products of uint8 and int8 saturate; this makes them exact on any CPU,
# but for the level NONE, and there only a CPU with VNNI is an oracle.
EXACT_SUMS = ("session.x64quantprecision", "1")
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
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = LEVELS[level]
    options.add_session_config_entry(*EXACT_SUMS)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
