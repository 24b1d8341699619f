"""Processors on which ONNX Runtime's sums of products saturate, and models whose sums may."""

import numpy as np
import pytest

from accel.quantization import saturation
from tests.support.networks.onnx.operators import Model

PROCESSORS = {
    "flags\t\t: fpu sse4_2 avx avx2 fma": True,
    "flags\t\t: fpu sse4_2 avx avx2 avx_vnni": False,
    "flags\t\t: avx2 avx512f avx512_vnni": False,
    "flags\t\t: fpu sse4_2 avx": False,
    "Features\t: fp asimd asimddp": False,
}


@pytest.mark.parametrize("about", PROCESSORS)
def test_a_processor_with_avx2_and_no_vnni_saturates(about, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(about)
    monkeypatch.setattr(saturation, "_ABOUT", tmp_path / "cpuinfo")
    saturation.saturates.cache_clear()
    try:
        assert saturation.saturates() == PROCESSORS[about]
    finally:
        saturation.saturates.cache_clear()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32])
def test_only_sums_of_int8_weights_may_saturate(dtype, monkeypatch):
    m = Model((4,), np.float32, np.random.default_rng(0), np.float32)
    m.constant("w", np.ones((4, 3)), dtype)
    monkeypatch.setattr(saturation, "saturates", lambda: True)
    assert saturation.may_saturate(m.bytes()) == (dtype == np.int8)
    monkeypatch.setattr(saturation, "saturates", lambda: False)
    assert not saturation.may_saturate(m.bytes())
