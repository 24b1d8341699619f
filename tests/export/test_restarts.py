"""A core that starts anew and forgets what was loaded is told by both exported drivers, whatever
came before; it never gives an answer."""

import functools
import os
from io import BytesIO

import numpy as np
import pytest

from accel.api import compile
from accel.protocol import HEADER_BYTES, Opcode, header
from tests.support.host import c_driver
from tests.support.host.fake_core import FakeCore
from tests.support.networks.small import Chain

from .conftest import CONFIG, SHORT
from .drivers import Direct, micropython

SAMPLES = 2
TOLD = "the core has started anew and lost what was loaded: check its power; open and load again"


class Restarting(FakeCore):
    """A core that starts anew before it hears the byte ``at``, and that loses the answer to the
    ``lost``th ``HELLO``.

    It takes longer than between an acknowledgement and the ``HELLO`` that follows at once, which is
    lost then.
    """

    def __init__(self, at: int | None = None, lost: int | None = None):
        super().__init__(CONFIG)
        self.at, self.lost, self.heard, self.greeted = at, lost, 0, 0
        self.starts: list[int] = []  # of frames

    def write(self, data: bytes) -> None:
        if len(data) == HEADER_BYTES:
            self.starts.append(self.heard)
        first = len(data) if self.at is None else self.at - self.heard
        if 0 <= first < len(data):
            super().write(data[:first])
            self.restart()
            self._deaf = data == header(Opcode.HELLO, 1)
            super().write(data[first:])
        else:
            super().write(data)
        self.heard += len(data)
        if data == header(Opcode.HELLO, 1):
            self.greeted += 1
            if self.greeted == self.lost:
                self._answer.clear()

    def restart(self) -> None:
        self.expected, self.run_number = 0, None
        self.memory[:] = 0
        self.discard()


@functools.cache
def wide():
    """A network whose output takes two frames, of which one is read after the run."""
    program = compile(Chain((1, 12, 12, 4)).convolution(8).graph(), config=CONFIG)
    samples = np.random.default_rng(5).integers(-128, 128, (SAMPLES, 12, 12, 4)).astype(np.int8)
    return program, samples, program.run(samples).output.reshape(SAMPLES, -1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return micropython(wide()[0], tmp_path_factory.mktemp("restarts"))


def session(made, core, number=None):
    """The driver and its answers, of which some are missing where the core started anew."""
    module, path = made
    driver, found = module.Driver(Direct(core), path), []
    with driver.file as file:  # a session is left without closing it
        file.seek(0)
        driver.file = BytesIO(file.read())
    try:
        driver.open()
        if number is not None:
            driver._number = core.expected = number
        driver.load()
        found = [driver.infer(sample.ravel().tolist()) for sample in wide()[1]]
    except module.StartedAnew as told:
        assert str(told) == TOLD
    return driver, found


@pytest.mark.parametrize("number", [1, 126], ids=str)
def test_whenever_a_core_starts_anew_micropython_is_told(number, made):
    """Before each frame of a session and within it, also where numbers begin again."""
    module, expected = made[0], wide()[2]
    core = Restarting()
    _, found = session(made, core, number)
    assert (np.array(found) == expected).all()
    loading = core.starts[2]
    told = 0
    for start in core.starts:
        for at in (start, start + 7):
            core = Restarting(at)
            driver, found = session(made, core, number)
            if len(found) == SAMPLES:
                assert (np.array(found) == expected).all()
                assert at < loading + 7  # before there was something to lose
                continue
            told += 1
            with pytest.raises(module.NotLoaded, match="or the core has started anew since"):
                driver.open()
                driver.infer(wide()[1][0].ravel().tolist())
            driver.load()
            assert list(driver.infer(wide()[1][0].ravel().tolist())) == list(expected[0])
    assert told > 10


def test_a_core_that_was_the_same_after_an_error_need_not_be_loaded_again(made):
    core = Restarting()
    driver, _ = session(made, core)
    loaded = bytes(core.sent)
    driver.open()
    assert list(driver.infer(wide()[1][0].ravel().tolist())) == list(wide()[2][0])
    assert len(core.sent) - len(loaded) < len(loaded) / 2


@pytest.mark.parametrize("number", [1, 126], ids=str)
def test_where_numbers_begin_again_a_lost_answer_is_asked_for_again(number, made):
    """Of the first ``HELLO``, and of the one between frames."""
    core = Restarting(lost=1 if number == 1 else 2)
    driver, found = session(made, core, number)
    assert (np.array(found) == wide()[2]).all()
    assert driver.retries == 1
    assert core.ran == SAMPLES


@pytest.fixture(scope="module")
def executable(tmp_path_factory):
    if os.name != "posix" or c_driver.compiler() is None:
        pytest.skip("there is no C compiler here, or the example is not for this system")
    folder = tmp_path_factory.mktemp("restarts_in_c")
    c_driver.export(wide()[0], folder)
    return c_driver.compiled(folder, "uart", *SHORT)


class Counting(Restarting):
    """The same with a run before which it starts anew; ``after`` it is so late that a read comes
    next."""

    def __init__(self, run: int, after: bool):
        super().__init__()
        self.run, self.after = run, after

    def _count(self, opcode, flags, fields, payload):
        if opcode == Opcode.RUN and self.ran == self.run and not self.after:
            self.restart()
        super()._count(opcode, flags, fields, payload)
        if opcode == Opcode.RUN and self.ran == self.run + 1 and self.after:
            self.expected, self.run_number = 0, None
            self.memory[:] = 0
            self.run = -2


@pytest.mark.parametrize("after", [False, True], ids=["before_a_run", "before_its_output_is_read"])
@pytest.mark.parametrize("run", [0, 31, 64], ids=str)
def test_whenever_a_core_starts_anew_c_is_told(run, after, executable):
    """After so many samples, which are right; their numbers begin again meanwhile."""
    _program, samples, expected = wide()
    many = np.concatenate([samples] * 35)
    kind = (expected.shape[1:], np.int8)
    found, ended = c_driver.infer(Counting(run, after), executable, many, kind)
    assert ended.code == 1
    assert ended.errors.startswith(f"run: {TOLD}\n")
    assert len(found) == run
    assert (found == np.concatenate([expected] * 35)[:run]).all()


def test_numbers_begin_again_in_c_and_a_lost_answer_is_asked_for_again(executable):
    _program, samples, expected = wide()
    many = np.concatenate([samples] * 35)
    core = Restarting(lost=2)
    found, ended = c_driver.infer(core, executable, many, (expected.shape[1:], np.int8))
    assert ended.code == 0, ended.errors
    assert (found == np.concatenate([expected] * 35)).all()
    assert core.ran == len(many)
    assert core.greeted >= 2
    assert ", 1 sent again" in ended.errors
