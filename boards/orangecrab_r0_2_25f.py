"""OrangeCrab r0.2 with an LFE5U-25F; its pins were checked as `_orangecrab` says."""

from accel.boards import _devices
from accel.boards._orangecrab import orangecrab

BOARD = orangecrab("25F", _devices.LFE5U_25F)
