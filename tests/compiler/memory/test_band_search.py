"""Row bands are of what arrives in every inference: states stay in memory whole."""

from accel.compiler.memory.band_search import _Search
from accel.config import AcceleratorConfig


def test_states_do_not_arrive_in_bands():
    inputs, outputs = ("x", "state"), ("y", "state")
    search = _Search(inputs, outputs, 100, AcceleratorConfig(), arriving=True)
    assert search.arriving == {"x"}
