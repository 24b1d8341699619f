"""The driver finds its core, moves whole words, and never believes an answer that may be spoilt."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import compile
from accel.config import AcceleratorConfig
from accel.host.driver import (
    ATTEMPTS,
    MAX_WORDS,
    Counters,
    DrivenCore,
    Driver,
    LinkError,
    WrongCore,
)
from accel.host.runner import run
from accel.protocol import COUNTER_BITS, HEADER_BYTES, INFO_BYTES, Opcode, Status, crc, header
from accel.sim.compare import assert_same
from tests.support.host.fake_core import CYCLES, FakeCore, Line
from tests.support.networks.small import images, two_convolutions

CONFIG = AcceleratorConfig()
PROGRAM = compile(two_convolutions(), config=CONFIG)


class Scripted:
    """A transport that gives the same answer to every read."""

    def __init__(self, answer):
        self.answer = answer
        self.written, self.discarded = [], 0

    def write(self, data):
        self.written.append(data)

    def read(self, count, cycles=0):
        return self.answer[:count]

    def discard(self):
        self.discarded += 1


def test_frames_are_as_the_protocol_has_them():
    silent = Scripted(bytes([Status.OK]))
    driver = Driver(silent, CONFIG)
    driver.write(1, 0x123, b"12345678")
    driver.run(0, 7, layers=3)
    location = (1 << 14 | 0x123).to_bytes(3, "little")  # 16384 words in a bank
    head = bytes([1]) + location + b"\x02\x00"
    body = b"12345678"
    run_head = bytes([3, 7, 0, 0, 3, 0])
    assert silent.written == [
        head + bytes([crc(head)]) + body + bytes([crc(body)]),
        run_head + bytes([crc(run_head)]),
    ]


@pytest.mark.parametrize("words", [1, MAX_WORDS, MAX_WORDS + 1, 2 * MAX_WORDS + 5])
@pytest.mark.parametrize("bank", [0, 1])
def test_what_is_written_is_read_in_frames_of_bounded_length(words, bank):
    core = FakeCore(CONFIG)
    driver = Driver(core, CONFIG)
    data = np.random.default_rng(words).integers(0, 256, words * CONFIG.rows, np.uint8).tobytes()
    driver.write(bank, 100, data)
    overhead = len(core.sent) - len(data)
    assert overhead == (HEADER_BYTES + 1) * -(-words // MAX_WORDS)
    assert core.memory[0, bank, 400 : 400 + len(data)].tobytes() == data
    assert not core.memory[0, 1 - bank].any()
    assert driver.read(bank, 100, words) == data


def test_a_core_is_found_in_the_middle_of_a_frame():
    core = FakeCore(CONFIG)
    core.write(header(Opcode.READ)[:3])
    driver = Driver(core, CONFIG)
    driver.connect()
    assert driver.retries <= 1


@pytest.mark.parametrize("changes", [{"family": "ecp5"}, {}], ids=str)
def test_what_makes_no_difference_to_a_program_is_the_same_core(changes):
    Driver(FakeCore(CONFIG.replace(**changes)), CONFIG).connect()


OTHERS = {
    "8x8 array with 8-bit": {"rows": 8, "columns": 8},
    "4x2 array with 8-bit": {"columns": 2},
    "4x4 array with 4-bit": {"format": "int8_int4"},
    "4x4 array with 8-bit": {"bank_words": 4096},
}


@pytest.mark.parametrize("core", OTHERS)
def test_another_core_is_refused_by_what_it_is(core):
    transport = FakeCore(CONFIG.replace(**OTHERS[core]))
    message = (
        f"Core is a {core} weights of another build than the program's 4x4; "
        f"load the bitstream that was built with the same options"
    )
    with pytest.raises(WrongCore, match=f"^{re.escape(message)}$"):
        DrivenCore(PROGRAM.code, transport)
    assert Opcode.WRITE not in transport.sent[HEADER_BYTES::HEADER_BYTES]


def test_something_else_that_answers_is_no_core():
    zeros = bytes(INFO_BYTES)
    core = FakeCore(CONFIG)
    core.to_host.extra = {0: bytes([Status.OK]) + zeros + bytes([crc(zeros)])}
    message = "^Core did not identify itself; is this bitstream loaded[?]$"
    with pytest.raises(LinkError, match=message):
        Driver(core, CONFIG).connect()


FAULTS = {
    "did not answer": b"",
    "answered e1": b"\xe1",
    "answered 5 of 9 bytes or a wrong CRC": b"\xa5wxyz",
    "answered 9 of 9 bytes or a wrong CRC": b"\xa5wxyz1234",
}


@pytest.mark.parametrize("problem", FAULTS)
def test_a_core_that_answers_wrongly_is_asked_three_times(problem):
    transport = Scripted(FAULTS[problem])
    driver = Driver(transport, CONFIG)
    frame, nothing = header(Opcode.READ, 5, 2), bytes(HEADER_BYTES)
    end = "3 times; check the cable, the baud rate and the bitstream"
    with pytest.raises(LinkError, match=f"^Core {problem}, {end}$"):
        driver.read(0, 5, 2)
    assert transport.written == [frame, nothing, frame, nothing, frame]
    assert transport.discarded == driver.retries == ATTEMPTS - 1 == 2


@pytest.mark.parametrize("stepped", [False, True])
def test_answers_layers_and_counters(stepped):
    core = DrivenCore(PROGRAM.code, FakeCore(CONFIG), progress := [].append)
    assert core.progress is progress
    core.stepped = stepped
    answer = run(PROGRAM.code, core, images(3))
    assert_same(answer, PROGRAM.session.execute("machine", images(3)).tensors)
    assert core.driver.retries == 0
    if stepped:
        assert core.layer_counters == [Counters(CYCLES, 1, 2, 3)] * 2
    else:
        assert core.total == Counters(2 * CYCLES, 2, 2, 3)


TURN = 1 << COUNTER_BITS
COUNTS = st.integers(0, 5 * TURN)


@given(COUNTS, st.integers(-TURN // 2 + 1, TURN // 2 - 1))
def test_a_count_is_the_one_nearest_to_what_is_expected(count, error):
    expected = Counters(*[max(0, count + error)] * 4)
    assert Counters(*[count % TURN] * 4).unwrapped(expected) == Counters(*[count] * 4)


@given(st.integers(0, TURN - 1))
def test_nothing_goes_round_where_nothing_is_expected(count):
    counters = Counters(count, count, count, count)
    assert counters.unwrapped(Counters(0, 0, 0, 0)) == counters


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("cycles", [100, TURN - 1, TURN, 3 * TURN + 5])
def test_a_long_run_is_waited_for_and_counted(stepped, cycles):
    """Also where the model were wrong by a tenth of a turn."""
    core = FakeCore(CONFIG)
    core.cycles = cycles
    expected = [Counters(cycles + TURN // 10, 1, 2, 3)] * 2
    driven = DrivenCore(PROGRAM.code, core, expected=expected)
    driven.stepped = stepped
    run(PROGRAM.code, driven, images(1))
    waited = [layer.cycles for layer in expected]
    assert core.waited == (waited if stepped else [sum(waited)])
    if stepped:
        assert driven.layer_counters == [Counters(cycles, 1, 2, 3)] * 2
    else:
        assert driven.total == Counters(2 * cycles, 2, 2, 3)


def test_an_executor_waits_for_what_the_model_says():
    core = FakeCore(CONFIG)
    driven = PROGRAM.session.driven(core)
    driven.stepped = True
    run(PROGRAM.code, driven, images(1))
    assert core.waited == [layer.cycles for layer in PROGRAM.cycles]


def test_a_layer_that_is_wanted_is_read_before_it_is_overwritten():
    core = DrivenCore(PROGRAM.code, FakeCore(CONFIG))
    answer = run(PROGRAM.code, core, images(2), ("x", "t0", "t1"))
    np.testing.assert_array_equal(answer["x"], images(2))
    assert_same(answer, PROGRAM.session.execute("machine", images(2), ("x", "t0", "t1")).tensors)


def test_progress_is_told_after_each_sample():
    done = []
    run(PROGRAM.code, DrivenCore(PROGRAM.code, FakeCore(CONFIG), done.append), images(3))
    assert done == [1, 2, 3]


def test_the_program_is_sent_once():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    loaded = len(core.sent)
    assert loaded > PROGRAM.code.size_bytes
    run(PROGRAM.code, driven, images(3))
    assert len(core.sent) - loaded < PROGRAM.code.size_bytes * 2


PLACES = st.integers(0, 1500)  # about what two samples take
LINES = st.builds(Line, st.sets(PLACES, max_size=3))


@settings(max_examples=150)
@given(LINES, LINES, st.booleans())
def test_lost_bytes_cost_time_or_the_run_but_no_answer(to_core, to_host, stepped):
    core = FakeCore(CONFIG)
    core.to_core, core.to_host = to_core, to_host
    try:
        driven = DrivenCore(PROGRAM.code, core)
        driven.stepped = stepped
        answer = run(PROGRAM.code, driven, images(2))
    except LinkError as problem:
        assert re.match("Core .* 3 times; |Link spoils too many frames", str(problem))
    else:
        assert_same(answer, PROGRAM.session.execute("machine", images(2)).tensors)


def test_a_run_whose_answer_is_lost_is_begun_again_from_the_input():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    core.to_host.lost = {core.to_host.count + 1}  # after that to the input
    answer = run(PROGRAM.code, driven, images(1))
    assert driven.driver.retries == 1
    assert core.sent.count(PROGRAM.code.chunks[0].data) == 2
    assert_same(answer, PROGRAM.session.execute("machine", images(1)).tensors)


class Scribbling(FakeCore):
    """Finds frames in what is left of a spoilt one, and obeys them."""

    def discard(self):
        super().discard()
        self.memory ^= 0xFF


@pytest.mark.parametrize("stepped", [False, True])
def test_memory_is_not_believed_after_a_spoilt_frame(stepped):
    core = Scribbling(CONFIG)
    identity, loads = INFO_BYTES + 2, len(PROGRAM.code.chunks)
    spoilt = identity + 1, identity + loads + 2, identity + 2 * loads + 3  # a chunk each time
    core.to_host.lost = set(spoilt[:2]) | {spoilt[2] + 3}  # and a byte when all is there
    driven = DrivenCore(PROGRAM.code, core)
    driven.stepped = stepped
    answer = run(PROGRAM.code, driven, images(2))
    assert driven.driver.retries == 3
    assert_same(answer, PROGRAM.session.execute("machine", images(2)).tensors)


def test_a_line_that_spoils_every_sample_is_told():
    core = FakeCore(CONFIG)
    core.to_core = Line(lost=range(450, 1 << 20, 450))
    with pytest.raises(LinkError, match=r"^Link spoils too many frames, 3 times in one sample; "):
        run(PROGRAM.code, DrivenCore(PROGRAM.code, core), images(1))
