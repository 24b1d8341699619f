"""The flash, as far as the protocol reads its state.

The core identifies the chip itself and tells only whether it has answered; its identification is
not on the link. Whether quad reads work is seen in what they read.
"""

import time

import numpy as np

from accel.host.driver import Driver
from accel.host.flash import CHECK_SECONDS
from accel.identity import IMAGE_HEADER_BYTES, IMAGE_MAGIC, image_header
from accel.protocol import FlashStatus

from .steps import Finding, Step, failed, impossible, passed

NAME = "flash"
_READ = 4096
_PINS = (
    "the flash's pins and its power; whether another master (an FTDI chip or a microcontroller) "
    "holds the bus; and that the chip has been let out of power-down"
)
_QUAD = (
    "the chip's quad-enable bit, with `iceprog -Q` or `openFPGALoader -b BOARD --enable-quad`, and "
    "whether IO2 and IO3 are wired; a core with --set flash_lanes=2 needs neither"
)


def check_flash(driver: Driver) -> Step:
    """Have the core look at its flash, and read what is there. Raises ``LinkError``."""
    config = driver.config
    if not config.flash_lanes:
        return impossible(NAME, "the core was built without a flash (flash_lanes=0)")
    driver.check_flash()
    status, patience = driver.flash_status(), time.monotonic() + CHECK_SECONDS
    while status == FlashStatus.CHECKING:
        if time.monotonic() > patience:
            said = f"the core has not checked its flash within {CHECK_SECONDS:g} s"
            return failed(NAME, [Finding(said=said, look=_PINS, place={"flash": "checking"})])
        status = driver.flash_status()
    if status == FlashStatus.NO_CHIP:
        said = "there is no flash: the chip does not answer the request for its identification"
        return failed(NAME, [Finding(said=said, look=_PINS, place={"flash": "no chip"})])
    data = driver.read_flash(0, _READ)
    if driver.read_flash(0, _READ) != data:
        said = "the same bytes of the flash are read in different ways"
        return failed(NAME, [Finding(said=said, look=_PINS, place={"flash": "unsteady"})])
    return _judged(status, data, config.flash_lanes, image_header(config))


def _judged(status: FlashStatus, data: bytes, lanes: int, header: bytes) -> Step:
    quad = f"reads over {lanes} lines work" + (", so quad-enable is set" if lanes == 4 else "")
    if status == FlashStatus.OK:
        return passed(NAME, f"the chip answers, holds a whole program for this core, and {quad}")
    if status == FlashStatus.WRONG_CRC:
        said = "the chip answers and holds a program for this core that is damaged or cut off"
        look = "write the program file again, as `accel compile --help` says"
        return failed(NAME, [Finding(said=said, look=look, place={"flash": "damaged program"})])
    if set(data) <= {0xFF}:
        return _blank(lanes)
    stuck = _stuck_lines(data, lanes)
    if stuck:
        return failed(NAME, stuck)
    found = data[:IMAGE_HEADER_BYTES]
    what = "no program"
    if found[: len(IMAGE_MAGIC)] == IMAGE_MAGIC:
        what = "a program for another core" if found[: len(header)] != header else "a program"
    return passed(NAME, f"the chip answers and holds {what} where this core looks; {quad}")


def _blank(lanes: int) -> Step:
    if lanes < 4:
        return passed(NAME, "the chip answers and is blank where a program would be")
    return impossible(
        NAME,
        "the chip answers, but quad reads give only ones: it is blank where a program would be, or "
        "its quad-enable bit is not set. The protocol cannot read that bit; write a program there, "
        "as `accel compile --help` says, and test again",
    )


def _stuck_lines(data: bytes, lanes: int) -> list[Finding]:
    """Lines of the flash that were the same in everything that was read."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, lanes)[:, ::-1]
    findings = []
    for line in range(lanes):
        values = np.unique(bits[:, line])
        if len(values) == 1:
            said = f"line IO{line} of the flash is {values[0]} in everything that is read"
            look = _QUAD if line >= 2 else _PINS
            findings.append(Finding(said=said, look=look, place={"flash": f"IO{line}"}))
    return findings if len(findings) < lanes else []
