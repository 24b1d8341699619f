# amaranth: UnusedElaboratable=no
"""The reader accepts an image if all of it is right, and then reads from any place of it."""

import random
import re

import pytest

from accel.core.flash.reader import FlashReader
from accel.protocol import FlashStatus
from tests.support.in_turn import in_turn
from tests.support.rtl.flash_bench import GAP, HEADER, OFFSET, FlashBench, image
from tests.support.rtl.simulation import Stalls, receive, simulate

READERS = [(data_lines, divider) for data_lines in (1, 2, 4) for divider in (1, 2)]
WAKES = ("awake", "asleep", "continuous dual", "continuous quad")
CONTENTS = random.Random(1).randbytes(40)
IMAGE = image(CONTENTS)


def run(bench, *testbenches, **arguments):
    simulate(bench, *testbenches, **({"cycles": 60_000} | arguments))


def status_of(contents: bytes, **bench) -> FlashStatus:
    """What a reader makes of a chip that holds ``contents``."""
    bench = FlashBench(**bench)
    found = []

    async def look(ctx):
        bench.fill(ctx, contents)
        found.append(await bench.checked(ctx))

    run(bench, look)
    return found[0]


@pytest.mark.parametrize(("data_lines", "divider", "wakes"), in_turn(READERS, WAKES))
def test_an_image_is_accepted_in_whatever_state_the_chip_was(data_lines, divider, wakes):
    assert status_of(IMAGE, data_lines=data_lines, divider=divider, wakes=wakes) == FlashStatus.OK


@pytest.mark.parametrize(("data_lines", "divider"), READERS)
def test_bytes_of_any_address_come_in_their_order(data_lines, divider):
    bench = FlashBench(data_lines=data_lines, divider=divider)
    rest = random.Random(2).randbytes(8192 - OFFSET - len(IMAGE))
    whole = IMAGE + rest

    async def read(ctx):
        bench.fill(ctx, whole)
        assert await bench.checked(ctx) == FlashStatus.OK
        for address, stalls in ((0, 0), (1, 0.3), (255, 0.9), (2048 + 7, 0.6)):
            await bench.start(ctx, address)
            got = await receive(ctx, bench.reader.o, 40, Stalls(stalls, address))
            assert bytes(got) == whole[address : address + 40]
        assert not ctx.get(bench.chip.conflict)

    run(bench, read)


@pytest.mark.parametrize("data_lines", [1, 2, 4])
@pytest.mark.parametrize("level", [0, 15], ids=["0", "1"])
def test_lines_that_are_stuck_are_no_chip(data_lines, level):
    assert status_of(b"", data_lines=data_lines, stuck=level) == FlashStatus.NO_CHIP


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        ("000000", FlashStatus.NO_CHIP),
        ("ffffff", FlashStatus.NO_CHIP),
        ("000001", FlashStatus.OK),
        ("800000", FlashStatus.OK),
        ("fffffe", FlashStatus.OK),
        ("7fffff", FlashStatus.OK),
        ("c22018", FlashStatus.OK),
    ],
)
def test_every_identity_but_all_zeros_and_all_ones_is_a_chip(identity, status):
    assert status_of(IMAGE, identity=bytes.fromhex(identity)) == status


@pytest.mark.parametrize("data_lines", [1, 2, 4])
def test_a_chip_that_wants_more_dummy_clocks_has_a_wrong_header(data_lines):
    assert status_of(IMAGE, data_lines=data_lines, extra_dummies=2) == FlashStatus.WRONG_HEADER


def test_a_chip_that_wakes_too_slowly_is_no_chip():
    late = status_of(IMAGE, wakes="asleep", wake_cycles=100)
    assert late == FlashStatus.NO_CHIP


def test_a_chip_without_quad_enable_has_a_wrong_header():
    bench = FlashBench(data_lines=4)

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        ctx.set(bench.chip.quad_enable, 0)
        assert await bench.checked(ctx) == FlashStatus.WRONG_HEADER
        ctx.set(bench.chip.quad_enable, 1)
        assert await bench.check(ctx) == FlashStatus.OK

    run(bench, look)


def test_another_header_is_refused_wherever_it_differs():
    bench = FlashBench()

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        assert await bench.checked(ctx) == FlashStatus.OK
        for index in range(len(HEADER)):
            header = bytearray(HEADER)
            header[index] ^= 1 << index % 8
            bench.fill(ctx, image(CONTENTS, header=bytes(header)))
            assert await bench.check(ctx) == FlashStatus.WRONG_HEADER
        for contents in (bytes(100), b"\xff" * 100):
            bench.fill(ctx, contents)
            assert await bench.check(ctx) == FlashStatus.WRONG_HEADER
        bench.fill(ctx, IMAGE)
        assert await bench.check(ctx) == FlashStatus.OK

    run(bench, look)


HEAD_BYTES = len(HEADER) + 4


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (0, FlashStatus.WRONG_HEADER),
        (1, FlashStatus.WRONG_HEADER),
        (HEAD_BYTES - 1, FlashStatus.WRONG_HEADER),
        (HEAD_BYTES, FlashStatus.WRONG_CRC),  # ends with the length, which is no CRC
        (len(IMAGE) - 1, FlashStatus.WRONG_CRC),
        (len(IMAGE) + 1, FlashStatus.WRONG_CRC),
        (1 << 23, FlashStatus.WRONG_HEADER),
        ((1 << 23) + len(IMAGE), FlashStatus.WRONG_HEADER),
        ((1 << 24) + len(IMAGE), FlashStatus.WRONG_HEADER),
        ((1 << 31) + len(IMAGE), FlashStatus.WRONG_HEADER),
    ],
)
def test_a_length_that_cannot_be_is_refused(length, status):
    assert status_of(image(CONTENTS, length=length)) == status


def test_an_image_of_any_length_is_accepted():
    bench = FlashBench()

    async def look(ctx):
        for size in range(9):
            bench.fill(ctx, image(CONTENTS[:size]))
            assert await bench.check(ctx) == FlashStatus.OK

    run(bench, look)


@pytest.mark.parametrize("data_lines", [1, 4])
def test_a_flipped_bit_anywhere_is_refused(data_lines):
    bench = FlashBench(data_lines=data_lines)
    short = image(CONTENTS[:5])

    async def look(ctx):
        bench.fill(ctx, short)
        assert await bench.checked(ctx) == FlashStatus.OK
        for index in range(HEAD_BYTES, len(short)):
            for bit in range(index % 2, 8, 2) if data_lines == 4 else [index % 8]:
                bench.fill(ctx, bytes([short[index] ^ 1 << bit]), index)
                assert await bench.check(ctx) == FlashStatus.WRONG_CRC
                bench.fill(ctx, short[index : index + 1], index)
        assert await bench.check(ctx) == FlashStatus.OK

    run(bench, look)


def test_a_truncated_image_is_refused():
    bench = FlashBench()

    async def look(ctx):
        for kept in range(HEAD_BYTES, len(IMAGE), 5):
            bench.fill(ctx, IMAGE[:kept] + b"\xff" * (len(IMAGE) - kept))
            assert await bench.check(ctx) == FlashStatus.WRONG_CRC

    run(bench, look)


def test_what_is_refused_can_still_be_read():
    bench = FlashBench()
    data = bytes(range(100))

    async def look(ctx):
        bench.fill(ctx, data)
        assert await bench.checked(ctx) == FlashStatus.WRONG_HEADER
        await bench.start(ctx, 3)
        assert bytes(await receive(ctx, bench.reader.o, 20, Stalls(0))) == data[3:23]

    run(bench, look)


@pytest.mark.parametrize(("data_lines", "divider"), [(1, 1), (2, 2), (4, 1)])
def test_a_read_can_be_ended_by_another_at_any_time(data_lines, divider):
    bench = FlashBench(data_lines=data_lines, divider=divider)

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        assert await bench.checked(ctx) == FlashStatus.OK
        for cycles in range(1, 64 * divider, 2 * divider - 1):
            await bench.start(ctx, 20)
            await ctx.tick().repeat(cycles)
            await bench.start(ctx, cycles % 30)
            got = await receive(ctx, bench.reader.o, 3, Stalls(0))
            assert bytes(got) == IMAGE[cycles % 30 :][:3]
        assert not ctx.get(bench.chip.conflict)

    run(bench, look)


@pytest.mark.parametrize("cycles", [1, 2, 30, 47, 48, 49, 50, 51, 52, 53, 200])
def test_a_check_goes_before_a_read(cycles):
    bench = FlashBench()

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        assert await bench.checked(ctx) == FlashStatus.OK
        await bench.start(ctx, 20)
        await ctx.tick().repeat(cycles)
        assert await bench.check(ctx) == FlashStatus.OK
        bench.fill(ctx, b"\0", HEAD_BYTES)
        assert await bench.check(ctx) == FlashStatus.WRONG_CRC
        assert not ctx.get(bench.reader.o.valid)

    run(bench, look)


def test_a_check_can_begin_anew_at_any_time():
    bench = FlashBench()

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        for cycles in range(1, 360, 7):
            await bench.pulse(ctx, bench.reader.check)
            await ctx.tick().repeat(cycles)
        assert await bench.check(ctx) == FlashStatus.OK

    run(bench, look)


def test_reads_and_stops_are_ignored_during_a_check():
    bench = FlashBench()

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        ctx.set(bench.reader.o.ready, 1)
        cycle = 0
        while ctx.get(bench.reader.status) == FlashStatus.CHECKING:
            ctx.set(bench.reader.start, cycle % 3 == 0)
            ctx.set(bench.reader.stop, cycle % 5 == 0)
            assert not ctx.get(bench.reader.o.valid)
            await ctx.tick()
            cycle += 1
        assert ctx.get(bench.reader.status) == FlashStatus.OK

    run(bench, look)


def test_a_stop_ends_a_read_and_leaves_nothing():
    bench = FlashBench()

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        await bench.checked(ctx)
        for cycles in (1, 10, 46, 47, 48, 49, 50, 51, 52, 100):
            await bench.start(ctx, 0)
            await ctx.tick().repeat(cycles)
            await bench.pulse(ctx, bench.reader.stop)
            await ctx.tick()
            for _ in range(8):
                assert not ctx.get(bench.reader.o.valid)
                assert not ctx.get(bench.reader.pins.cs)
                await ctx.tick()

    run(bench, look)


@pytest.mark.parametrize(("data_lines", "divider"), READERS)
def test_the_clock_pauses_when_nothing_is_taken_and_commands_keep_their_distance(
    data_lines, divider
):
    depth = 8
    bench = FlashBench(data_lines=data_lines, divider=divider, depth=depth)
    pins = bench.reader.pins
    pulses, apart = [], []

    async def watch(ctx):
        deselected, before = 0, 1
        while True:
            cs, sck = ctx.get(pins.cs), ctx.get(pins.sck)
            assert cs or not sck
            assert not (divider == 2 and sck and before)
            if cs and deselected:
                apart.append(deselected)
                pulses.append(0)
            deselected = 0 if cs else deselected + 1
            before = sck
            if sck:
                pulses[-1] += 1
            await ctx.tick()

    async def look(ctx):
        bench.fill(ctx, IMAGE)
        await bench.checked(ctx)
        await bench.start(ctx, 0)
        await ctx.tick().repeat(300)
        assert ctx.get(pins.cs)
        assert pulses[-1] == 40 + depth * 8 // data_lines
        await receive(ctx, bench.reader.o, 1, Stalls(0))
        await ctx.tick().repeat(30)
        assert pulses[-1] == 40 + (depth + 1) * 8 // data_lines
        await bench.start(ctx, 0)
        await ctx.tick().repeat(100)

    run(bench, look, background=[watch])
    assert pulses[:4] == [8, 16, 8, 32]
    assert min(apart) >= GAP * divider


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data_lines": 3}, "Data lines of a flash must be 1, 2 or 4, not 3"),
        ({"divider": 4}, "Divider of a flash's clock must be 1 or 2, not 4"),
        (
            {"offset": 100},
            "Offset in a flash must be a multiple of 4096 below 16777216, not 100",
        ),
        (
            {"offset": 1 << 24},
            "Offset in a flash must be a multiple of 4096 below 16777216, not 16777216",
        ),
        ({"depth": 100}, "Depth must be a power of two and at least 4, not 100"),
        ({"header": b""}, "Header must have 1 to 60 bytes, not 0"),
        (
            {"gap": 2},
            "Gap must be at least 4 periods and wake at least a gap, not 2 and 2048",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_parameters_that_cannot_be_are_refused(wrong, message):
    right = {"data_lines": 4, "divider": 1, "offset": 0, "header": HEADER}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        FlashReader(**(right | wrong))
