"""OrangeCrab r0.2 with an LFE5U-85F; its pins were checked as `_orangecrab` says."""

from accel.boards import _devices
from accel.boards._orangecrab import orangecrab

BOARD = orangecrab("85F", _devices.LFE5U_85F)
