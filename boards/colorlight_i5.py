"""Colorlight i5 7.0: LFE5U-25F; its pins were checked as `_colorlight` says."""

from accel.boards import _devices
from accel.boards._board import Flash
from accel.boards._colorlight import colorlight

BOARD = colorlight(
    "colorlight_i5",
    "Colorlight i5",
    _devices.LFE5U_25F,
    led="U16",
    flash=Flash(offset=1 << 20, size=1 << 21),
)
