"""A few of the campaign's faults, in a core that other tests compile too."""

import pytest

from accel.config import AcceleratorConfig
from tests.campaigns.selftest_faults import FAULTS, examined, is_named

CONFIG = AcceleratorConfig()
ONLY = ("requantizer", "array", "weights")

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("serial")


@pytest.mark.parametrize("title", ["an element, its product", "the weight buffer, a cell"])
def test_a_fault_in_rtl_is_found_and_named(title):
    (fault,) = (fault for fault in FAULTS if fault.title == title)
    assert is_named(fault, examined(fault, CONFIG, ONLY))


def test_a_core_without_a_fault_passes_the_same_steps():
    (fault,) = (fault for fault in FAULTS if fault.title == "the weight buffer, a cell")
    right = type(fault)(title="none", held=(), step="")
    assert all(step.passed for step in examined(right, CONFIG, ONLY))


def test_there_are_forty_faults_of_all_parts():
    assert len(FAULTS) == len({fault.title for fault in FAULTS}) == 40
    assert {fault.step for fault in FAULTS} >= {
        "memory",
        "flash",
        "control",
        "array",
        "weights",
        "tables",
    }
