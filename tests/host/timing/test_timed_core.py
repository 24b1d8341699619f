"""A core that only keeps time answers when a core would, in the order of the protocol."""

import accel
from accel.config import AcceleratorConfig
from accel.host.timing.timed_core import TimedCore
from accel.isa import Isa
from accel.protocol import (
    WHEN_FREE,
    Opcode,
    Status,
    closed,
    extension,
    header,
)
from tests.support.networks.small import two_convolutions

BYTE = 30.0
ACKNOWLEDGEMENT = 6


PROGRAM = accel.compile(two_convolutions(), config=AcceleratorConfig())


def core(byte_cycles=BYTE):
    cycles = [layer.cycles for layer in PROGRAM.cycles]
    return TimedCore(PROGRAM.code, lambda _: cycles, byte_cycles), sum(cycles)


def write(number, opcode=Opcode.WRITE):
    return header(opcode, number, count=1, lanes_less_one=3) + closed(bytes(4))


def run(number):
    first = PROGRAM.code.entries[0]
    location = Isa(PROGRAM.config).pointer_to(first.bank, first.address)
    return header(Opcode.RUN, number, location=location) + extension(count=1, lanes_less_one=3)


def test_a_frame_is_acknowledged_when_its_last_byte_has_come():
    line, _ = core()
    line.write(write(0))
    answer = line.read(ACKNOWLEDGEMENT)
    assert answer[:2] == bytes([Status.OK, 1])
    assert line.time == (len(write(0)) + ACKNOWLEDGEMENT) * BYTE


def test_a_result_comes_when_the_layers_are_done():
    line, cycles = core()
    line.write(run(0))
    line.read(ACKNOWLEDGEMENT)
    result = line.read(2 + 14 + 4 + 4)
    assert result[:2] == bytes([Status.RESULT, 0])
    assert line.time == len(run(0)) * BYTE + cycles + len(result) * BYTE
    assert line.read(1) == b""


def test_the_next_run_begins_when_the_result_has_been_sent():
    line, cycles = core()
    line.write(run(0) + run(1))
    size = 2 + 14 + 4 + 4
    line.read(2 * ACKNOWLEDGEMENT + 2 * size)
    assert line.time == len(run(0)) * BYTE + 2 * (cycles + size * BYTE)


def test_what_comes_before_its_place_is_free_is_early_and_not_executed():
    line, cycles = core(byte_cycles=1)
    line.write(run(0))
    line.write(write(1, Opcode.WRITE | WHEN_FREE))
    line.read(ACKNOWLEDGEMENT)
    assert line.read(ACKNOWLEDGEMENT)[:2] == bytes([Status.EARLY, 1])
    line.pause(cycles)  # nothing runs any more: all is free
    line.read(24)
    line.write(write(1, Opcode.WRITE | WHEN_FREE))
    assert line.read(ACKNOWLEDGEMENT)[:2] == bytes([Status.OK, 2])


def test_frames_out_of_order_are_only_acknowledged():
    line, _ = core()
    line.write(write(3))
    assert line.read(ACKNOWLEDGEMENT)[:2] == bytes([Status.OK, 0])


def test_what_is_written_later_is_sent_later():
    line, _ = core()
    line.pause(1000)
    assert line.now() == 1000
    line.write(write(0))
    assert line.now() == 1000 + len(write(0)) * BYTE
