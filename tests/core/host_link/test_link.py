"""The link serves every request over streams that stall, and finds back to frames after
nonsense."""

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel import protocol
from accel.protocol import HEADER_BYTES, Opcode, crc, header
from tests.support.host.link_board import (
    BAD_DATA,
    BAD_FLASH,
    BAD_HEADER,
    LAYERS,
    OK,
    WORDS,
    Board,
    closed,
)
from tests.support.rtl.simulation import UNSHRUNK, Stalls, receive, send

UNKNOWN = [value for value in range(256) if value not in list(Opcode)]
SEEDS = st.integers(0, 1 << 32)


def exchange(board, kind, rng):
    """A request of one kind, and its reply; what it writes is put into the board's memory later."""
    location, count = rng.randrange(board.flash_bit or WORDS), rng.randint(1, 5)
    data = rng.randbytes(count * board.config.rows)
    match kind:
        case "write":
            frame = header(Opcode.WRITE, location, count) + data + bytes([crc(data)])
            return frame, OK, {location: data}
        case "bad data":
            wrong = bytes([crc(data) ^ 1 << rng.randrange(8)])
            return header(Opcode.WRITE, location, count) + data + wrong, BAD_DATA, {location: data}
        case "read":
            words = b"".join(board.word(location + k) for k in range(count))
            return header(Opcode.READ, location, count), closed(words), {}
        case "run":
            return header(Opcode.RUN, location, rng.randrange(LAYERS + 2)), OK, {}
        case "info":
            return header(Opcode.INFO), board.info, {}
        case "check":
            return header(Opcode.CHECK), OK, {}
        case "read flash":
            location |= board.flash_bit
            data = board.flash(location, count * board.config.rows)
            return header(Opcode.READ, location, count), closed(data), {}
        case "run flash":
            location |= board.flash_bit
            reply = BAD_FLASH if board.refused else OK
            return header(Opcode.RUN, location, rng.randrange(LAYERS + 2)), reply, {}
        case "unknown":
            fields = bytes([rng.choice(UNKNOWN)]) + rng.randbytes(HEADER_BYTES - 2)
            return fields + bytes([crc(fields)]), BAD_HEADER, {}
        case "bad header":
            frame = bytearray(header(rng.choice(list(Opcode)[1:]), location, count))
            frame[rng.randrange(1, HEADER_BYTES)] ^= 1 << rng.randrange(8)
            return bytes(frame), BAD_HEADER, {}
        case "nothing":
            return bytes(rng.randint(1, 9)), b"", {}


KINDS = ("write", "bad data", "read", "run", "info", "check", "unknown", "bad header", "nothing")
FLASH_KINDS = ("read flash", "run flash")


@pytest.mark.parametrize(
    ("rows", "latency", "lanes"), [(2, 1, 0), (3, 1, 1), (4, 1, 0), (4, 1, 4), (8, 5, 2)]
)
@settings(UNSHRUNK, max_examples=12)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
    flash_kinds=st.lists(st.sampled_from(FLASH_KINDS), max_size=4),
    rates=st.tuples(*[st.sampled_from((0, 0.3, 0.9))] * 2),
    seed=SEEDS,
)
def test_every_request_is_answered_in_order_whatever_the_stalls(
    rows, latency, lanes, kinds, flash_kinds, rates, seed
):
    rng = random.Random(seed)
    board = Board(rows=rows, latency=latency, seed=seed, lanes=lanes, refused=rng.random() < 0.5)
    if lanes:
        kinds = rng.sample(kinds + flash_kinds, len(kinds) + len(flash_kinds))
    requests, replies, runs, written = b"", b"", [], {}
    for kind in kinds:
        frame, reply, data = exchange(board, kind, rng)
        requests, replies = requests + frame, replies + reply
        if kind in ("run", "run flash"):
            layers = int.from_bytes(frame[4:6], "little")
            layers = 0 if reply == BAD_FLASH else min(layers or LAYERS, LAYERS)
            runs.append([int.from_bytes(frame[1:4], "little"), layers])
        for location, words in data.items():
            for k in range(len(words) // rows):
                written[location + k] = words[k * rows : (k + 1) * rows]
    before = {location: bytes(word) for location, word in board.memory.items()}
    assert board.answer(requests, len(replies), rates=rates) == replies
    assert board.runs == runs
    assert board.checks == (kinds.count("check") if lanes else 0)
    assert {location: bytes(word) for location, word in board.memory.items()} == before | written


def test_what_was_written_is_read():
    board, data = Board(), bytes(range(40, 80))
    frame = header(Opcode.WRITE, 0x1FFFB, 10) + data + bytes([crc(data)])
    reply = OK + closed(data)
    assert board.answer(frame + header(Opcode.READ, 0x1FFFB, 10), len(reply)) == reply


@settings(UNSHRUNK, max_examples=25)
@given(garbage=st.binary(min_size=1, max_size=3 * HEADER_BYTES))
def test_as_many_zeros_as_a_header_has_bytes_end_any_garbage(garbage):
    refused, rest = b"", garbage.lstrip(b"\0")
    while rest:
        frame, rest = rest[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0"), rest[HEADER_BYTES:]
        assume(crc(frame) != 0)
        refused, rest = refused + BAD_HEADER, rest.lstrip(b"\0")
    board = Board()
    request = garbage + bytes(HEADER_BYTES) + header(Opcode.INFO)
    replies = refused + board.info
    assert board.answer(request, len(replies)) == replies


TIMEOUT_BITS = 6
WRITE = header(Opcode.WRITE, 5, 2) + b"12345678" + bytes([crc(b"12345678")])


@pytest.fixture
def short_timeout(monkeypatch):
    monkeypatch.setattr(protocol, "TIMEOUT_BITS", TIMEOUT_BITS)


def interrupted(cut, silence):
    """Replies to a request that pauses after ``cut`` bytes, and to one after it."""
    board, received = Board(), []

    async def host(ctx):
        await send(ctx, board.dut.i, WRITE[:cut], Stalls(0))
        # Only silence counts, not the time in which the link is busy with what it has got.
        while not ctx.get(board.dut.i.ready):
            await ctx.tick()
        await ctx.tick().repeat(silence)
        await send(ctx, board.dut.i, WRITE[cut:] + header(Opcode.INFO), Stalls(0))

    async def listener(ctx):
        ctx.set(board.dut.o.ready, 1)
        for _ in range(silence + 400):
            if ctx.get(board.dut.o.valid):
                received.append(ctx.get(board.dut.o.payload))
            await ctx.tick()

    board.talk(host, listener)
    return bytes(received), board


@pytest.mark.parametrize("cut", range(1, len(WRITE)))
def test_a_frame_may_pause_for_the_timeout_anywhere(cut, short_timeout):
    received, board = interrupted(cut, 1 << TIMEOUT_BITS)
    assert received == OK + board.info


@pytest.mark.parametrize("cut", range(1, len(WRITE)))
def test_a_frame_that_pauses_longer_is_forgotten(cut, short_timeout):
    board, received = Board(), []

    async def host(ctx):
        await send(ctx, board.dut.i, WRITE[:cut], Stalls(0))
        while not ctx.get(board.dut.i.ready):
            await ctx.tick()
        await ctx.tick().repeat((1 << TIMEOUT_BITS) + 1)
        await send(ctx, board.dut.i, header(Opcode.INFO), Stalls(0))
        received.extend(await receive(ctx, board.dut.o, len(board.info), Stalls(0)))

    board.talk(host)
    assert bytes(received) == board.info


def test_a_host_may_take_its_time_between_frames_and_for_a_reply(short_timeout):
    board, received = Board(), []
    replies = [OK, closed(b"12345678")]

    async def host(ctx):
        for frame, reply in zip((WRITE, header(Opcode.READ, 5, 2)), replies, strict=True):
            await ctx.tick().repeat(3 << TIMEOUT_BITS)
            await send(ctx, board.dut.i, frame, Stalls(0))
            for _ in reply:
                await ctx.tick().repeat(2 << TIMEOUT_BITS)
                received.extend(await receive(ctx, board.dut.o, 1, Stalls(0)))

    board.talk(host)
    assert bytes(received) == b"".join(replies)
