"""What cocotb runs in the simulator: the core says what it is, over its bus."""

import itertools
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)

from accel.core.buses.registers import RECEIVE_VALID, Register, StatusBit
from accel.protocol import CRC_BYTES, INFO_BYTES, Opcode, crc, header

REQUEST = header(Opcode.HELLO, 3)
ANSWER_BYTES = 2 + INFO_BYTES + CRC_BYTES


async def started(dut):
    """Clock and reset."""
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0


def check(answer):
    """The core's own identity, in an answer that is whole."""
    assert answer[1] == 3
    assert answer[2:].startswith(bytes.fromhex(os.environ["ACCEL_IDENTITY"]))
    assert crc(answer[:-CRC_BYTES]) == answer[-CRC_BYTES:]


def pauses(seed):
    """Random cycles in which a side of a channel waits."""
    generator = random.Random(seed)
    return (generator.random() < 0.5 for _ in itertools.count())


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def says_what_it_is_on_axi4lite(dut):
    """A byte a write, and reads until all has come; channels wait at random."""
    await started(dut)
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
    write, read = master.write_if, master.read_if
    channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
    for seed, channel in enumerate(channels):
        channel.set_pause_generator(pauses(seed))
    for byte in REQUEST:
        while not await master.read_dword(Register.STATUS) >> StatusBit.TRANSMIT_READY & 1:
            pass
        await master.write_dword(Register.TRANSMIT, byte)
    answer = bytearray()
    while len(answer) < ANSWER_BYTES:
        word = await master.read_dword(Register.RECEIVE)
        if word >> RECEIVE_VALID & 1:
            answer.append(word & 255)
    check(bytes(answer))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def says_what_it_is_on_axis(dut):
    """Bytes to one stream and from the other, both of which wait at random."""
    await started(dut)
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst)
    source.set_pause_generator(pauses(1))
    sink.set_pause_generator(pauses(2))
    await source.send(REQUEST)
    answer = bytearray()
    while len(answer) < ANSWER_BYTES:  # without TLAST each byte is a frame to cocotbext
        answer += (await sink.recv()).tdata
    check(bytes(answer))
