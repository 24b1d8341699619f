"""The driver finds its core, moves whole words, and never believes an answer that may be spoilt."""

import re

import numpy as np
import pytest

from accel.config import AcceleratorConfig
from accel.host.driver import Driver, RunEnded, WrongCore
from accel.host.exchange import ATTEMPTS, PERSISTENCE, WINDOW, LinkError
from accel.host.run_results import SPARE_CYCLES, Counters
from accel.protocol import (
    FRAME_BYTES,
    INFO_BYTES,
    LEAST_LIMIT_BITS,
    OUTCOME_SHIFT,
    PAYLOAD_BYTES,
    RESULT_BYTES,
    Opcode,
    Outcome,
    Status,
    closed,
    extension,
    header,
)
from tests.support.host.fake_core import FakeCore

CONFIG = AcceleratorConfig()


class Scripted:
    """A transport that gives the same answer to every request."""

    def __init__(self, answer):
        self.answer, self.left = answer, b""
        self.written, self.discarded = [], 0

    def write(self, data):
        self.written.append(data)
        self.left = self.answer

    def read(self, count, cycles=0):
        part, self.left = self.left[:count], self.left[count:]
        return part

    def discard(self):
        self.discarded += 1
        self.left = b""


def acknowledged(number):
    return closed(bytes([Status.OK, number]))


def test_frames_are_as_the_protocol_has_them():
    result = closed(bytes([Status.RESULT, 1]) + bytes(RESULT_BYTES))
    told = Scripted(acknowledged(1) + acknowledged(2) + result)
    driver = Driver(told, CONFIG)
    driver.write(1, 0x123, b"12345678")
    driver.run(0, 7, cycles=5000)
    location = 1 << 14 | 0x123  # 16384 words in a bank
    first = header(Opcode.WRITE, 0, lanes_less_one=3, location=location, count=2) + closed(
        b"12345678"
    )
    limit = (5000 + SPARE_CYCLES).bit_length() - LEAST_LIMIT_BITS
    second = header(Opcode.RUN, 1, location=7) + extension(lanes_less_one=0, limit=limit)
    assert told.written == [first, second]


MOST = PAYLOAD_BYTES // CONFIG.rows


@pytest.mark.parametrize("words", [1, MOST, MOST + 1, 5 * MOST + 5, 3 * WINDOW * MOST])
@pytest.mark.parametrize("bank", [0, 1])
def test_what_is_written_is_read_in_frames_of_bounded_length(words, bank):
    core = FakeCore(CONFIG)
    driver = Driver(core, CONFIG)
    data = np.random.default_rng(words).integers(0, 256, words * CONFIG.rows, np.uint8).tobytes()
    driver.write(bank, 100, data)
    driver.exchange.settle()
    overhead = len(core.sent) - len(data)
    assert overhead == (FRAME_BYTES - PAYLOAD_BYTES) * -(-words // MOST)
    assert core.memory[0, bank, 400 : 400 + len(data)].tobytes() == data
    assert not core.memory[0, 1 - bank].any()
    assert driver.read(bank, 100, words) == data


def test_only_lanes_that_matter_are_on_the_line():
    core, data = FakeCore(CONFIG), bytes(range(1, 241))
    driver = Driver(core, CONFIG)
    driver.write(1, 100, data, lanes=3)
    driver.exchange.settle()
    assert len(core.sent) == 180 + FRAME_BYTES - PAYLOAD_BYTES
    expected = bytes(value if value % 4 else 0 for value in data)
    assert core.memory[0, 1, 400 : 400 + len(data)].tobytes() == expected
    assert driver.read(1, 100, 60, lanes=3) == expected
    assert driver.read(1, 100, 60) == expected


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
        f"load the bitstream that was built with the same options: `accel build --board BOARD -o "
        f"BUILD` makes it, `accel program BUILD` loads it"
    )
    with pytest.raises(WrongCore, match=f"^{re.escape(message)}$"):
        Driver(transport, CONFIG).connect()
    assert transport.expected == 0


@pytest.mark.parametrize("version", [3, 5])
def test_another_version_of_the_protocol_is_told_with_what_to_do(version):
    info = b"accl" + bytes([version]) + bytes(INFO_BYTES - 5)
    core = Scripted(acknowledged(0) + closed(bytes([Status.INFO, 0]) + info))
    message = (
        f"Core speaks version {version} of the protocol, and this driver 4; "
        f"load a bitstream that `accel build` of this version made, with `accel program BUILD`"
    )
    with pytest.raises(WrongCore, match=f"^{re.escape(message)}$"):
        Driver(core, CONFIG).connect()


class Old(Scripted):
    """A core of version 3, that knows nothing of ours."""

    def __init__(self):
        super().__init__(b"")

    def write(self, data):
        old = data.endswith(bytes.fromhex("040000000000a4"))
        self.left = b"\xa5accl\x03" + bytes(26) if old else b"\xe1\xe1"


def test_a_core_of_version_3_is_told_with_what_to_do():
    with pytest.raises(WrongCore, match=r"^Core speaks version 3 of the protocol, .* 4; load a"):
        Driver(Old(), CONFIG).connect()


def test_something_else_that_answers_is_no_core():
    core = Scripted(acknowledged(0) + closed(bytes([Status.INFO, 0]) + bytes(INFO_BYTES)))
    message = (
        "^Core did not identify itself: another design's bitstream is loaded; load the board's"
    )
    with pytest.raises(LinkError, match=message):
        Driver(core, CONFIG).connect()


FAULTS = {
    "did not answer": b"",
    "answered 77": b"w",
    "answered 5 of 14 bytes or a wrong CRC": b"\x83wxyz",
    "answered 14 of 14 bytes or a wrong CRC": b"\x83wxyz1234567890",
    "received a spoilt frame": closed(bytes([Status.SPOILT, 0])),
}


@pytest.mark.parametrize("problem", FAULTS)
def test_a_core_that_answers_wrongly_is_asked_again_and_given_up(problem):
    transport = Scripted(FAULTS[problem])
    driver = Driver(transport, CONFIG)
    frame = header(Opcode.READ) + extension(location=5, count=2, lanes_less_one=3)
    end = f"{PERSISTENCE} times; check the cable, the baud rate and the bitstream: `accel doctor`"
    with pytest.raises(LinkError, match=f"^Core {problem}, {end}"):
        driver.read(0, 5, 2)
    ended = bytes(FRAME_BYTES)
    assert transport.written == [frame, ended] * (PERSISTENCE - 1) + [frame]
    assert transport.discarded == driver.retries == PERSISTENCE - 1


def test_nobody_is_asked_for_long_whether_it_is_a_core():
    transport = Scripted(b"")
    with pytest.raises(LinkError, match=f"^Core did not answer, {ATTEMPTS} times; "):
        Driver(transport, CONFIG).connect()
    assert transport.written.count(header(Opcode.ABORT) + header(Opcode.HELLO)) == ATTEMPTS == 4


@pytest.mark.parametrize(
    ("outcome", "layers", "message"),
    [
        (Outcome.CYCLES, 0, "^Run was not over after .* cycles, and the core ended it; load"),
        (Outcome.ABORTED, 0, "^Run was ended by somebody else; is another program using"),
        (Outcome.LAYERS, 0, "^Run was ended by somebody else; "),
        (Outcome.LAYERS, 1, None),
        (Outcome.DONE, 0, None),
    ],
)
def test_a_run_that_was_ended_is_told(outcome, layers, message):
    state = bytes([outcome << OUTCOME_SHIFT])
    told = closed(bytes([Status.RESULT, 0]) + bytes(RESULT_BYTES - 1) + state)
    driver = Driver(Scripted(acknowledged(1) + told), CONFIG)
    if message is None:
        assert driver.run(0, 0, layers=layers).counters == Counters(0, 0, 0, 0)
    else:
        with pytest.raises(RunEnded, match=message):
            driver.run(0, 0, layers=layers)
