"""A whole small core on AXI4-Stream: the streams' rules, and its reset."""

import pytest

from accel.config import AcceleratorConfig
from accel.core.buses import AxiStreamCore
from accel.core.core import Core
from accel.identity import identity
from accel.protocol import CRC_BYTES, INFO_BYTES, Opcode, crc, extension, header
from tests.support.rtl.simulation import Stalls, simulate

CONFIG = AcceleratorConfig(rows=2, columns=2, weight_steps=64, bank_words=256)
INFO_ANSWER = 2 + INFO_BYTES + CRC_BYTES


@pytest.fixture
def dut():
    return AxiStreamCore(Core(CONFIG, simulate=True))


async def send(ctx, dut, data: bytes) -> None:
    for byte in data:
        ctx.set(dut.s_axis.tdata, byte)
        ctx.set(dut.s_axis.tvalid, 1)
        await ctx.tick().until(dut.s_axis.tready)
        ctx.set(dut.s_axis.tvalid, 0)


async def receive(ctx, dut, count: int, stalls: Stalls) -> bytes:
    found = bytearray()
    while len(found) < count:
        await stalls.wait(ctx)
        ctx.set(dut.m_axis.tready, 1)
        (byte,) = await ctx.tick().sample(dut.m_axis.tdata).until(dut.m_axis.tvalid)
        ctx.set(dut.m_axis.tready, 0)
        found.append(byte)
    return bytes(found)


def test_a_byte_that_is_offered_stays_until_it_is_taken(dut):
    answers, broken = [], []

    async def host(ctx):
        for number in range(3):
            await send(ctx, dut, header(Opcode.INFO, number))
            answers.append(await receive(ctx, dut, INFO_ANSWER, Stalls(0.8, number)))

    async def watch(ctx):
        before = (0, 0, 0)
        signals = (dut.m_axis.tvalid, dut.m_axis.tready, dut.m_axis.tdata)
        async for _, _, *now in ctx.tick().sample(*signals):
            if before[0] and not before[1] and (now[0], now[2]) != (1, before[2]):
                broken.append((before, now))
            before = tuple(now)

    simulate(dut, host, background=[watch])
    assert broken == []
    for answer in answers:
        assert answer[2:].startswith(identity(CONFIG))
        assert crc(answer[:-CRC_BYTES]) == answer[-CRC_BYTES:]


@pytest.mark.parametrize("sent", [5, 11, 17, 21], ids=lambda n: f"after {n} bytes")
def test_a_core_that_is_reset_within_a_frame_or_a_run_is_as_at_the_start(dut, sent):
    """The run is of memory as it is, which is no program: it need not end by itself."""
    from amaranth.hdl import ResetInserter, Signal

    reset, answers = Signal(), []
    run = header(Opcode.RUN, 0) + extension(limit=15)

    async def host(ctx):
        await send(ctx, dut, header(Opcode.HELLO, 0))
        answers.append(await receive(ctx, dut, INFO_ANSWER, Stalls(0)))
        await send(ctx, dut, run[:sent])
        if sent == len(run):
            await ctx.tick().until(dut.running)
        await ctx.tick().repeat(3)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert not ctx.get(dut.m_axis.tvalid) and not ctx.get(dut.running)
        await send(ctx, dut, header(Opcode.HELLO, 0))
        answers.append(await receive(ctx, dut, INFO_ANSWER, Stalls(0)))

    simulate(ResetInserter(reset)(dut), host)
    assert answers[0] == answers[1]
