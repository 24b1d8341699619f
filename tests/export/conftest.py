"""Exported drivers, compiled once for all tests of a process."""

import numpy as np
import pytest

from accel.api import compile
from accel.config import AcceleratorConfig
from tests.cli.conftest import DIGITS, MODEL
from tests.support.host import c_driver

CONFIG = AcceleratorConfig()  # whose RTL behind a UART other tests compile
SHORT = ("-DACCEL_ANSWER_MS=200", "-DACCEL_QUIET_MS=90")  # for a core that answers at once


@pytest.fixture(scope="session")
def digits():
    """The network, some samples and its answers."""
    program = compile(MODEL, config=CONFIG)
    samples = np.load(DIGITS / "test_images.npz")["x"][:3]
    return program, samples, program.run(samples).output.reshape(3, -1)


@pytest.fixture(scope="session")
def exported(digits, tmp_path_factory):
    """A folder with the network and its driver in C. Skips where there is no compiler."""
    if c_driver.compiler() is None:
        pytest.skip("there is no C compiler here")
    folder = tmp_path_factory.mktemp("c_driver")
    c_driver.export(digits[0], folder)
    return folder
