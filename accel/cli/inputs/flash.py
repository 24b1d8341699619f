"""What is in the flash of a simulated board."""

from pathlib import Path
from typing import TYPE_CHECKING

from accel.errors import UserError
from accel.protocol import FLASH_IMAGE_LIMIT

if TYPE_CHECKING:
    from accel.config import AcceleratorConfig


class UnusableFlash(UserError):
    """A file cannot be what is in a board's flash."""


def read_flash(path: Path | None, config: "AcceleratorConfig") -> bytes:
    """The bytes of a file that lie where a board's flash has its program; none without a file.

    Any file will do, since a board takes any: what the core does not run it tells. Raises
    ``UnusableFlash``.
    """
    if path is None:
        return b""
    if not config.flash_lanes:
        raise UnusableFlash(
            "--flash is for a core that reads a flash, and this one was built without "
            "(flash_lanes=0); leave it out, or give --set flash_lanes=1"
        )
    try:
        data = path.read_bytes()
    except OSError as problem:
        why = problem.strerror or problem
        raise UnusableFlash(f"{path}: cannot be read: {why}; give a program.bin") from problem
    if not 0 < len(data) < FLASH_IMAGE_LIMIT:
        raise UnusableFlash(
            f"{path}: has {len(data):,} bytes; a flash holds 1 to {FLASH_IMAGE_LIMIT - 1:,} of a "
            f"program; give a program.bin of accel compile"
        )
    return data
