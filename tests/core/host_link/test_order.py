"""Acknowledgements of the link, where one is due for several frames."""

from accel.protocol import WHEN_FREE, Opcode, Status, closed, extension, header
from tests.support.host.link_board import Board, status
from tests.support.rtl.simulation import Stalls, receive, send


def test_one_that_came_too_early_is_told_even_if_all_is_sent_before_an_answer_is_taken():
    board, got = Board(seed=4), []
    board.run_cycles = 3000, 3000
    run = header(Opcode.RUN, 0) + extension()
    early, out_of_order = (
        header(Opcode.WRITE | WHEN_FREE, number, location=5, count=1, lanes_less_one=3)
        + closed(b"abcd")
        for number in (1, 2)
    )

    async def talk(ctx):
        await send(ctx, board.dut.i, run + early + out_of_order, Stalls(0))
        await ctx.tick().repeat(100)
        while not got or got[-1][0] == Status.OK:
            got.append(bytes(await receive(ctx, board.dut.o, 6, Stalls(0))))

    board.talk(talk)
    assert got == [status(Status.OK, 1), status(Status.EARLY, 1)]


def test_a_rate_is_set_after_its_own_acknowledgement_not_after_one_before():
    board, got = Board(seed=4), []

    async def talk(ctx):
        frames = header(Opcode.ABORT) + header(Opcode.RATE, count=9)
        await send(ctx, board.dut.i, frames, Stalls(0))
        await ctx.tick().repeat(100)
        for _ in range(2):
            got.append(bytes(await receive(ctx, board.dut.o, 5, Stalls(0))))
            assert not board.rates
            got.append(bytes(await receive(ctx, board.dut.o, 1, Stalls(0))))

    board.talk(talk)
    assert b"".join(got) == status(Status.OK, 0) * 2
    assert board.rates == [9]
