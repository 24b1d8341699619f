"""The framer counts every byte of either direction once, with its CRC, and moves none too early."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel import protocol
from accel.core.host_link.framer import Framer
from tests.support.rtl.simulation import UNSHRUNK, Stalls, receive, send, simulate


@settings(UNSHRUNK, max_examples=15)
@given(
    data=st.binary(min_size=1, max_size=20),
    rate=st.sampled_from((0, 0.4)),
    seed=st.integers(0, 1 << 20),
)
def test_bytes_are_counted_and_their_crc_is_that_of_the_protocol(data, rate, seed):
    dut, counts = Framer(most=64), []

    async def host(ctx):
        await send(ctx, dut.i, data + bytes([protocol.crc(data)]), Stalls(rate, seed))

    async def bench(ctx):
        ctx.set(dut.receive, 1)
        for _ in range(len(data) + 1):
            await ctx.tick().until(dut.received)
            counts.append(ctx.get(dut.count))
        ctx.set(dut.receive, 0)
        await ctx.tick().until(dut.settled & dut.ready)
        assert ctx.get(dut.crc_is_zero)
        assert ctx.get(dut.count) == len(data) + 1

    simulate(dut, host, bench)
    # A byte is counted in the cycle after that in which it moved.
    assert counts == list(range(len(data) + 1))


@settings(UNSHRUNK, max_examples=15)
@given(data=st.binary(min_size=1, max_size=20), seed=st.integers(0, 1 << 20))
def test_what_is_sent_ends_with_its_crc(data, seed):
    dut, received = Framer(most=64), []

    async def host(ctx):
        received.extend(await receive(ctx, dut.o, len(data) + 1, Stalls(0.3, seed)))

    async def bench(ctx):
        ctx.set(dut.restart, 1)
        await ctx.tick()
        ctx.set(dut.restart, 0)
        ctx.set(dut.send, 1)
        for byte in data:
            ctx.set(dut.data, byte)
            await ctx.tick().until(dut.sent)
        ctx.set(dut.send, 0)
        ctx.set(dut.send_crc, 1)
        await ctx.tick().until(dut.sent)
        ctx.set(dut.send_crc, 0)

    simulate(dut, bench, host)
    assert bytes(received) == data + bytes([protocol.crc(data)])


@pytest.mark.parametrize("name", ["restart", "restart_count"])
def test_a_byte_that_moves_with_a_restart_is_not_counted(name):
    dut = Framer(most=64)

    async def bench(ctx):
        ctx.set(dut.receive, 1)
        ctx.set(dut.i.valid, 1)
        for payload in (5, 6, 7):
            ctx.set(dut.i.payload, payload)
            await ctx.tick().until(dut.received)
        ctx.set(dut.i.payload, 8)
        while not ctx.get(dut.ready):
            await ctx.tick()
        assert ctx.get(dut.count) == 3
        ctx.set(getattr(dut, name), 1)
        await ctx.tick()
        ctx.set(getattr(dut, name), 0)
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(2)
        assert ctx.get(dut.count) == 0
        # Only a restart forgets the CRC.
        await ctx.tick()
        assert ctx.get(dut.crc_is_zero) == (name == "restart")

    simulate(dut, bench)


def test_a_crc_is_known_by_the_published_check_value():
    """The check value of CRC-8/SMBUS, for the digits from 1 to 9."""
    assert protocol.crc(b"123456789") == 0xF4


def test_while_listening_a_byte_is_taken_in_every_cycle():
    dut, rng = Framer(most=64), random.Random(1)

    async def bench(ctx):
        ctx.set(dut.listen, 1)
        ctx.set(dut.restart, 1)
        for _ in range(20):
            valid = rng.randrange(2)
            ctx.set(dut.i.valid, valid)
            assert ctx.get(dut.i.ready)
            await ctx.tick()
        assert ctx.get(dut.count) == 0

    simulate(dut, bench)
