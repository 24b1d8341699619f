"""The link: frames that come as they were sent, and a spoilt one that is told and mended."""

import random

from accel.host.driver import Driver
from accel.host.exchange import LinkError
from accel.protocol import (
    ACKNOWLEDGEMENT_BYTES,
    INFO_BYTES,
    MAGIC,
    PAYLOAD_BYTES,
    PROTOCOL_VERSION,
    Opcode,
    Status,
    closed,
    header,
)

from .steps import Finding, Step, failed, passed

NAME = "link"
FRAMES = 64
_LOOK = (
    "the cable, its ground, the pins of rx and tx, and the baud rate; with the right pins a "
    "shorter cable or a lower rate (--baud) helps"
)


def check_link(driver: Driver, frames: int = FRAMES) -> Step:
    """Find the core, send random frames each way, and one that is spoilt. Raises nothing."""
    try:
        version = driver.exchange.begin()[len(MAGIC)]
        if version != PROTOCOL_VERSION:
            return passed(NAME, f"it is answered, in version {version} of the protocol")
        spoilt, count = _random_frames(driver, frames)
        problem = _spoilt_frame(driver)
    except LinkError as found:
        return failed(NAME, [Finding(said=str(found), look=_LOOK, place={"link": "silent"})])
    if problem:
        look = "the bitstream: `accel build` of this version makes one whose link does this"
        return failed(NAME, [Finding(said=problem, look=look, place={"link": "spoilt frame"})])
    if spoilt:
        said = f"{spoilt} of {2 * frames} random frames were spoilt on the line, and sent again"
        place = {"link": "spoilt", "frames": spoilt, "of": 2 * frames}
        return failed(NAME, [Finding(said=said, look=_LOOK, place=place)])
    return passed(
        NAME,
        f"HELLO is answered; {frames} random frames each way, {count:,} bytes, came with right "
        f"CRCs; a spoilt one was told and mended",
    )


def _random_frames(driver: Driver, frames: int) -> tuple[int, int]:
    """How many of so many random frames each way had to be sent again, and their bytes.

    They have a byte of each word, which any core's words have. What is read is not compared: that
    is the memory's matter.
    """
    source, before, sent = random.Random(2026), driver.retries, 0
    for _ in range(frames):
        count = source.randint(1, PAYLOAD_BYTES)
        driver.write(0, 0, source.randbytes(count * driver.config.rows), lanes=1)
        driver.read(0, 0, count, lanes=1)
        sent += 2 * count
    return driver.retries - before, sent


def _spoilt_frame(driver: Driver) -> str:
    """Send a header with a wrong CRC; returns what the core did wrong, if anything."""
    exchange = driver.exchange
    exchange.settle()
    expected = exchange.request(Opcode.ABORT).number
    frame = bytearray(header(Opcode.INFO))
    frame[-1] ^= 1
    exchange.transport.write(bytes(frame))
    answer = exchange.transport.read(ACKNOWLEDGEMENT_BYTES)
    exchange.transport.discard()  # the core is deaf until then
    if answer != closed(bytes([Status.SPOILT, expected])):
        said = answer.hex(" ") or "nothing"
        return f"a frame with a wrong CRC was answered with {said} instead of as spoilt"
    before = exchange.retries
    exchange.request(Opcode.INFO, INFO_BYTES)
    if exchange.retries != before:
        return "after a frame with a wrong CRC the core did not hear the next one"
    return ""
