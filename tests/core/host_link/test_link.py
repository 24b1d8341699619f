"""The link serves every request over streams that stall, counts frames, and recovers after
nonsense."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import BANKS
from accel.protocol import (
    BAND,
    HEADER_BYTES,
    LIMIT_BITS,
    NUMBERS,
    SHARED_BANKS,
    WHEN_FREE,
    Opcode,
    Status,
    closed,
    extension,
    header,
)
from tests.support.host.link_board import SILENCE_BITS, TIMEOUT_BITS, WORDS, Board, status
from tests.support.rtl.simulation import UNSHRUNK, Stalls, receive, send

SEEDS = st.integers(0, 1 << 32)
FLAGGED = {
    Opcode.WRITE: (0, WHEN_FREE, BAND, WHEN_FREE | BAND),
    Opcode.RUN: range(0, SHARED_BANKS << BANKS, SHARED_BANKS),
}
KNOWN = {opcode | flags for opcode in Opcode for flags in FLAGGED.get(opcode, (0,))}
UNKNOWN = [opcode for opcode in range(256) if opcode not in KNOWN]
INFO = header(Opcode.INFO)


class Host:
    """Frames for a board, and the answers that must come: one kind after another."""

    def __init__(self, board, rng):
        self.board, self.rng, self.rows = board, rng, board.config.rows
        self.number = rng.randrange(NUMBERS)
        self.written, self.runs = {}, []

    def hello(self):
        return header(Opcode.HELLO, self.number), self.board.info(self.number)

    def _next(self):
        number, self.number = self.number, (self.number + 1) % NUMBERS
        return number

    def _place(self):
        return self.rng.randrange(WORDS - 8), self.rng.randint(1, 5)

    def _words(self, location, count, lanes):
        words = (
            self.written.get(location + k, self.board.word(location + k)) for k in range(count)
        )
        return b"".join(word[:lanes] for word in words)

    def _write(self, number):
        location, count = self._place()
        lanes = self.rng.randint(1, self.rows)
        data = self.rng.randbytes(count * lanes)
        fields = {"location": location, "count": count, "lanes_less_one": lanes - 1}
        return header(Opcode.WRITE, number, **fields), data, fields

    def write(self):
        head, data, fields = self._write(self._next())
        lanes = fields["lanes_less_one"] + 1
        for k in range(fields["count"]):
            word = data[k * lanes : (k + 1) * lanes].ljust(self.rows, b"\0")
            self.written[fields["location"] + k] = word
        return head + closed(data), status(Status.OK, self.number)

    def write_out_of_order(self):
        ahead = self.rng.randrange(1, NUMBERS)
        head, data, _ = self._write((self.number + ahead) % NUMBERS)
        return head + closed(data), status(Status.OK, self.number)

    def read(self):
        location, count = self._place()
        lanes, tag = self.rng.randint(1, self.rows), self.rng.randrange(NUMBERS)
        frame = header(Opcode.READ, tag) + extension(
            location=location, count=count, lanes_less_one=lanes - 1
        )
        return frame, closed(bytes([Status.DATA, tag]) + self._words(location, count, lanes))

    def read_nothing(self):
        return header(Opcode.READ, 3) + extension(lanes_less_one=0), closed(bytes([Status.DATA, 3]))

    def read_flash(self):
        location, count = self._place()
        location |= self.board.flash_bit
        fields = {"location": location, "count": count, "lanes_less_one": self.rows - 1}
        data = self.board.flash(location, count * self.rows)
        return header(Opcode.READ, 8) + extension(**fields), closed(bytes([Status.DATA, 8]) + data)

    def run(self):
        (chunk, layers), (location, count) = self._place(), self._place()
        count, limit = self.rng.choice([0, count]), self.rng.randrange(16)
        number = self._next()
        fields = {
            "location": location,
            "count": count,
            "lanes_less_one": self.rows - 1,
            "limit": limit,
        }
        head = header(Opcode.RUN, number, location=chunk, count=layers)
        self.runs.append((chunk, layers, limit))
        result = self.board.measured + self._words(location, count, self.rows)
        answer = closed(bytes([Status.RESULT, number]) + result)
        acknowledged = status(Status.OK, self.number)
        frame = head + extension(**fields)
        if self.rng.random() < 0.4:  # its answer was lost, and is asked for again
            return frame * 2, acknowledged + answer, acknowledged + answer
        return frame, acknowledged + answer

    def run_out_of_order(self):
        ahead = self.rng.randrange(1, NUMBERS - 9)
        frame = header(Opcode.RUN, (self.number + ahead) % NUMBERS) + extension()
        return frame, status(Status.OK, self.number)

    def info(self):
        return header(Opcode.INFO, 77), self.board.info(77)

    def check(self):
        return header(Opcode.CHECK), status(Status.OK, self.number)

    def abort(self):
        return header(Opcode.ABORT), status(Status.OK, self.number)

    def rate(self):
        return header(Opcode.RATE, count=9), status(Status.OK, self.number)

    def nothing(self):
        return bytes(self.rng.randint(1, 9)), b""

    def unknown(self):
        frame = header(self.rng.choice(UNKNOWN), 1) + self.rng.randbytes(30)
        return frame, status(Status.UNKNOWN, self.number)

    def spoilt_header(self):
        frame = bytearray(header(self.rng.choice(list(Opcode)[1:]), self.number))
        frame[self.rng.randrange(1, HEADER_BYTES)] ^= 1 << self.rng.randrange(8)
        hidden = header(Opcode.INFO) * 2  # no payload becomes a header
        return bytes(frame) + hidden, status(Status.SPOILT, self.number)

    def spoilt_data(self):
        head, data, fields = self._write(self.number)
        spoilt = bytearray(closed(data))
        spoilt[self.rng.randrange(len(spoilt))] ^= 1 << self.rng.randrange(8)
        lanes = fields["lanes_less_one"] + 1
        for k in range(fields["count"]):
            word = spoilt[k * lanes : (k + 1) * lanes]
            self.written[fields["location"] + k] = bytes(word).ljust(self.rows, b"\0")
        return head + bytes(spoilt) + header(Opcode.INFO), status(Status.SPOILT, self.number)

    def spoilt_run(self):
        spoilt = bytearray(extension(lanes_less_one=0, count=1))
        spoilt[self.rng.randrange(len(spoilt))] ^= 1 << self.rng.randrange(8)
        return header(Opcode.RUN, self.number) + bytes(spoilt), status(Status.SPOILT, self.number)


KINDS = [name for name in vars(Host) if name[0] != "_" and name not in ("hello", "read_flash")]
DEAFENING = ("unknown", "spoilt_header", "spoilt_data", "spoilt_run")


@pytest.mark.parametrize(
    ("rows", "latency", "lanes", "family"),
    [
        (2, 1, 0, "generic"),
        (3, 1, 1, "generic"),
        (4, 1, 4, "ice40up"),
        (8, 5, 2, "ecp5"),
    ],
)
@settings(UNSHRUNK, max_examples=2)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=9),
    rates=st.tuples(*[st.sampled_from((0, 0.3, 0.9))] * 2),
    seed=SEEDS,
)
def test_every_request_is_answered_in_order_whatever_the_stalls(
    rows, latency, lanes, family, kinds, rates, seed
):
    rng = random.Random(seed)
    board = Board(rows=rows, latency=latency, seed=seed, lanes=lanes, family=family)
    host = Host(board, rng)
    kinds = ["hello", *kinds, *(["read_flash"] * 3 if lanes else []), "info"]
    sending, receiving = (Stalls(rate, rng.getrandbits(20)) for rate in rates)

    async def talk(ctx):
        for kind in kinds:
            frame, *answers = getattr(host, kind)()
            part = len(frame) // max(1, len(answers))
            for index, answer in enumerate(answers):
                await send(ctx, board.dut.i, frame[index * part : (index + 1) * part], sending)
                received = await receive(ctx, board.dut.o, len(answer), receiving)
                assert bytes(received) == answer, kind
            if kind in DEAFENING:
                await ctx.tick().repeat((1 << SILENCE_BITS) + 9)
        for _ in range(60):
            assert not ctx.get(board.dut.o.valid)
            await ctx.tick()

    board.talk(talk)
    assert board.runs == host.runs
    assert board.checks == (kinds.count("check") if lanes else 0)
    assert board.aborts == kinds.count("abort")
    assert {place: board.word(place) for place in host.written} == host.written


def test_frames_that_are_sent_ahead_are_all_executed_and_acknowledged():
    board = Board(seed=3)
    host = Host(board, random.Random(3))
    host.number = 0
    frames = b"".join(host.write()[0] for _ in range(12))
    frame, answer = header(Opcode.RUN, 12) + extension(), board.measured
    received = []

    async def talk(ctx):
        await send(ctx, board.dut.i, frames + frame, Stalls(0))

    async def listen(ctx):
        while received[-6:-1] != [Status.RESULT, 12]:
            received.extend(await receive(ctx, board.dut.o, 6, Stalls(0)))
            if received[-6] == Status.RESULT:
                break
        received.extend(await receive(ctx, board.dut.o, len(answer), Stalls(0)))

    board.talk(talk, listen)
    assert bytes(received[-len(answer) - 6 :]) == closed(bytes([Status.RESULT, 12]) + answer)
    acknowledgements = bytes(received[: -len(answer) - 6])
    numbers = [acknowledgements[k + 1] for k in range(0, len(acknowledgements), 6)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 13
    assert {place: board.word(place) for place in host.written} == host.written


def test_a_run_that_comes_during_another_waits_and_only_an_abort_is_heard():
    board = Board(seed=4)
    board.run_cycles = 3000, 3000
    first, second = (header(Opcode.RUN, n, location=n + 5) + extension() for n in (0, 1))
    results = [closed(bytes([Status.RESULT, n]) + board.measured) for n in (0, 1)]
    got = []

    async def talk(ctx):
        for number, frame in enumerate((first, second), 1):
            await send(ctx, board.dut.i, frame, Stalls(0))
            acknowledged = await receive(ctx, board.dut.o, 6, Stalls(0))
            assert bytes(acknowledged) == status(Status.OK, number)
        assert len(board.runs) == 1
        await send(ctx, board.dut.i, header(Opcode.INFO), Stalls(0))  # makes it deaf
        for result in results:
            got.append(bytes(await receive(ctx, board.dut.o, len(result), Stalls(0))))

    board.talk(talk)
    assert got == results
    assert [run[0] for run in board.runs] == [5, 6]


def test_an_abort_drops_what_waits():
    board = Board(seed=4)
    board.run_cycles = 3000, 3000
    first, second = (header(Opcode.RUN, n) + extension() for n in (0, 1))
    result = closed(bytes([Status.RESULT, 0]) + board.measured)

    async def talk(ctx):
        for frame in (first, second, header(Opcode.ABORT)):
            await send(ctx, board.dut.i, frame, Stalls(0))
            await receive(ctx, board.dut.o, 6, Stalls(0))
        received = await receive(ctx, board.dut.o, len(result), Stalls(0))
        assert bytes(received) == result
        for _ in range(100):
            assert not ctx.get(board.dut.o.valid)
            await ctx.tick()

    board.talk(talk)
    assert board.aborts == len(board.runs) == 1


def test_words_that_come_too_early_are_received_and_not_written():
    board, host = Board(seed=4), []
    board.run_cycles = 3000, 3000
    run = header(Opcode.RUN | 2 * SHARED_BANKS, 0) + extension(limit=3 | 7 << LIMIT_BITS)
    words = [
        header(Opcode.WRITE | WHEN_FREE, number, location=5, count=1, lanes_less_one=3)
        + closed(data)
        for number, data in ((1, b"abcd"), (2, b"efgh"))
    ]
    plain = header(Opcode.WRITE | BAND, 3, location=9, count=1, lanes_less_one=3)
    plain += closed(b"wxyz")

    async def told(ctx, frame, *answer):
        await send(ctx, board.dut.i, frame, Stalls(0))
        host.append(bytes(await receive(ctx, board.dut.o, 6, Stalls(0))) == status(*answer))

    async def talk(ctx):
        before = board.word(5)
        await told(ctx, run, Status.OK, 1)
        await told(ctx, words[0], Status.EARLY, 1)
        await told(ctx, words[1], Status.OK, 1)  # not this one's turn
        assert board.word(5) == before
        assert board.taken == 0
        ctx.set(board.dut.run.free, 1)
        await told(ctx, words[0], Status.OK, 2)
        assert board.word(5) == b"abcd"
        assert (board.taken, board.bands) == (1, 0)
        await told(ctx, words[1], Status.OK, 3)
        ctx.set(board.dut.run.free, 0)
        await told(ctx, plain, Status.OK, 4)
        await told(ctx, plain, Status.OK, 4)  # once more, which is not counted

    board.talk(talk)
    assert all(host)
    assert (board.word(5), board.word(9)) == (b"efgh", b"wxyz")
    assert (board.shared_layers, board.share) == (7, 2)
    assert (board.taken, board.bands) == (2, 1)
    assert board.runs[0][2] == 3


WRITE = header(Opcode.WRITE, location=5, count=2, lanes_less_one=3) + closed(b"12345678")
CUTS = [1, 2, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 3, HEADER_BYTES + 8, len(WRITE) - 1]


@pytest.mark.parametrize("cut", CUTS)
def test_a_frame_may_pause_for_the_timeout_anywhere(cut):
    board, received = Board(), []
    expected = status(Status.OK, 1) + board.info()

    async def talk(ctx):
        await send(ctx, board.dut.i, WRITE[:cut], Stalls(0))
        await ctx.tick().repeat((1 << TIMEOUT_BITS) - 2)
        await send(ctx, board.dut.i, WRITE[cut:] + INFO, Stalls(0))
        received.extend(await receive(ctx, board.dut.o, len(expected), Stalls(0)))

    board.talk(talk)
    assert bytes(received) == expected


@pytest.mark.parametrize("cut", CUTS)
def test_a_frame_that_pauses_longer_is_forgotten(cut):
    board, received = Board(), []

    async def talk(ctx):
        await send(ctx, board.dut.i, WRITE[:cut], Stalls(0))
        await ctx.tick().repeat((1 << TIMEOUT_BITS) + 12)
        await send(ctx, board.dut.i, INFO, Stalls(0))
        received.extend(await receive(ctx, board.dut.o, len(board.info()), Stalls(0)))

    board.talk(talk)
    assert bytes(received) == board.info()


def test_a_host_may_take_its_time_between_frames_and_for_an_answer():
    board, received = Board(), []
    frames = [WRITE, header(Opcode.READ) + extension(location=5, count=2, lanes_less_one=3)]
    answers = [status(Status.OK, 1), closed(bytes([Status.DATA, 0]) + b"12345678")]

    async def talk(ctx):
        for frame, answer in zip(frames, answers, strict=True):
            await ctx.tick().repeat(3 << TIMEOUT_BITS)
            await send(ctx, board.dut.i, frame, Stalls(0))
            for _ in answer:
                await ctx.tick().repeat(2 << TIMEOUT_BITS)
                received.extend(await receive(ctx, board.dut.o, 1, Stalls(0)))

    board.talk(talk)
    assert bytes(received) == b"".join(answers)
