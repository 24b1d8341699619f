"""Several threads answer as one does, in order, and end together."""

import threading
import time

import numpy as np
import pytest

import accel
from accel.sim.rtl.parallel import ParallelCores, in_parallel
from tests.support.networks.small import images, two_convolutions


def accel_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("accel")]


def test_answers_keep_the_order_of_the_parts():
    def work(part, check):
        time.sleep(0.02 if part % 2 else 0)
        return part * part

    assert in_parallel(work, range(20), 4) == [part * part for part in range(20)]
    assert accel_threads() == []


@pytest.mark.parametrize("error", [ValueError("part 3"), KeyboardInterrupt()])
def test_the_first_error_is_passed_on_and_ends_the_others(error):
    begun = []

    def work(part, check):
        begun.append(part)
        if part == 3:
            raise error
        for _ in range(1000):
            time.sleep(0.01)
            check()

    begin = time.monotonic()
    with pytest.raises(type(error)) as caught:
        in_parallel(work, range(50), 4)
    assert caught.value is error
    assert time.monotonic() - begin < 5
    assert len(begun) < 10
    assert accel_threads() == []


class Core:
    """Returns what it is given, and takes a while for each sample."""

    def __init__(self):
        self.progress = None
        self.samples = 0

    def run(self, inputs, keep, passing=None):
        for index in range(len(inputs["x"])):
            time.sleep(0.001)
            self.samples += 1
            self.progress(index + 1)
        return {name: inputs["x"] for name in keep}


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_cores_share_a_batch_and_count_its_samples(count):
    cores, told = [Core() for _ in range(3)], []
    x = np.arange(2 * count, dtype=np.uint8).reshape(count, 2)
    answer = ParallelCores(cores, told.append).run({"x": x}, ["y"])
    assert (answer["y"] == x).all()
    assert told == list(range(1, count + 1))
    assert max(core.samples for core in cores) <= -(-count // 3)


@pytest.mark.xdist_group("rtl")
@pytest.mark.parametrize("executor", ["machine", "rtl"])
def test_two_jobs_answer_as_one(executor):
    program = accel.compile(two_convolutions(), config=accel.AcceleratorConfig())
    x = images(37)
    told = []
    one = program.run(x, executor, layers=True, jobs=1)
    two = program.run(x, executor, layers=True, jobs=2, progress=told.append)
    assert len(one.layers) > 1
    for name, layer in one.layers.items():
        assert (two.layers[name] == layer).all()
    assert (two.output == one.output).all()
    assert (one.output == program.run(x, "reference").output).all()
    assert two.report.as_dict() == one.report.as_dict()
    assert told == (list(range(1, 38)) if executor == "rtl" else [])


def test_bad_input_is_told_as_ever():
    program = accel.compile(two_convolutions(), config=accel.AcceleratorConfig())
    for executor in ("machine", "rtl"):
        for bad in (np.zeros((4, 1), np.int8), np.int8(3), {}):
            with pytest.raises(accel.errors.UserError):
                program.run(bad, executor, jobs=2)
