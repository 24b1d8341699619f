"""Third-party ONNX models, what to feed them, and what ONNX Runtime answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tests.support.shared import shared

AD01_WINDOWS = (0, 49, 98, 147)
AD01_FRAMES = 5


@dataclass(frozen=True)
class RecordedModel:
    """A model file, the stimulus and its form."""

    path: str
    stimulus: str
    prepare: Callable[[np.ndarray], np.ndarray]

    @property
    def inputs(self) -> np.ndarray:
        return self.prepare(np.load(shared(f"data/{self.stimulus}.npz"))["x"])

    def golden(self, level: str) -> np.ndarray:
        """The answer of ONNX Runtime 1.32.0 at optimization level ALL or NONE."""
        name = self.path.removeprefix("models/").removesuffix(".onnx")
        return np.load(shared(f"golden/{name}.npz"))[f"ort1.32.0_{level}"]


def _spectrograms(codes: np.ndarray) -> np.ndarray:
    real = (codes.astype(np.float32) - 83) * np.float32(0.5847029089927673)
    return real.reshape(len(codes), 490)


def _windows(frames: np.ndarray) -> np.ndarray:
    cut = [x[start : start + AD01_FRAMES] for x in frames for start in AD01_WINDOWS]
    return np.stack(cut).reshape(len(cut), -1)


def _last(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32)


def _first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.astype(np.float32).transpose(0, 3, 1, 2))


def _one_channel(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32)[:, np.newaxis]


RECORDED: Mapping[str, RecordedModel] = MappingProxyType(
    {
        "kws01 K1": RecordedModel("models/onnx_mlperf_k1/kws01.onnx", "kws01", _spectrograms),
        "ic01 K1": RecordedModel("models/onnx_mlperf_k1/ic01.onnx", "ic01", _last),
        "ad01 K1": RecordedModel("models/onnx_mlperf_k1/ad01.onnx", "ad01", _windows),
        "ic01 qdq s8s8": RecordedModel("models/onnx_ortq/ic01_qdq_s8s8_pc.onnx", "ic01", _first),
        "ic01 qop u8s8": RecordedModel("models/onnx_ortq/ic01_qop_u8s8_pc.onnx", "ic01", _first),
        "mnist8 qdq u8s8": RecordedModel(
            "models/onnx_ortq/mnist8_qdq_u8s8_pt.onnx", "mnist", _one_channel
        ),
        "mnist8 qop u8u8": RecordedModel(
            "models/onnx_ortq/mnist8_qop_u8u8_pt.onnx", "mnist", _one_channel
        ),
    }
)

# The contract of QDQ files is that of operators on codes. Where the runtime does not find those
# operators in a file, or is told not to look for them, it computes convolutions in float32: the
# share of outputs that differ then, as measured, by path and level.
SHARES: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("models/onnx_mlperf_k1/ic01.onnx", "ALL"): 120 / 1000,
        ("models/onnx_mlperf_k1/ic01.onnx", "NONE"): 120 / 1000,
        ("models/onnx_mlperf_k1/ad01.onnx", "NONE"): 3 / 158_720,
        ("models/onnx_ortq/ic01_qdq_s8s8_pc.onnx", "NONE"): 116 / 1000,
    }
)
