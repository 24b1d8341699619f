"""Exported drivers run networks with states: samples are successive inferences after a load."""

import pytest

import accel
from accel.sim.compare import assert_same
from tests.support.host import c_driver
from tests.support.networks.streaming import delay, frames, window

from .conftest import CONFIG
from .drivers import answers_of_c, answers_of_micropython

DRIVERS = {"c": answers_of_c, "micropython": answers_of_micropython}
X = frames(5)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("graph", [window(5, 9), delay(2)], ids=("window", "delay"))
def test_samples_are_successive_inferences(graph, driver, tmp_path):
    if driver == "c" and c_driver.compiler() is None:
        pytest.skip("there is no C compiler here")
    with accel.compile(graph, config=CONFIG) as program:
        expected = program.run(X, "reference").outputs
        found = DRIVERS[driver](program, X, tmp_path / driver)
    assert set(found) == set(expected)
    shaped = {name: found[name].reshape(array.shape) for name, array in expected.items()}
    assert_same({n: a.astype(expected[n].dtype) for n, a in shaped.items()}, expected)
