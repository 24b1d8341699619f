"""Colorlight i9 7.2: LFE5U-45F; its pins were checked as `_colorlight` says."""

from accel.boards import _devices
from accel.boards._board import Flash
from accel.boards._colorlight import colorlight

BOARD = colorlight(
    "colorlight_i9",
    "Colorlight i9",
    _devices.LFE5U_45F,
    led="L2",
    flash=Flash(offset=1 << 22, size=1 << 23),
)
