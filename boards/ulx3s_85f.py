"""Radiona ULX3S with an LFE5U-85F: 25 MHz, and an FTDI FT231X."""

from accel.boards import _devices
from accel.boards._board import Board, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ulx3s_85f",
    title="Radiona ULX3S 85F",
    family="ecp5",
    device="LFE5U-85F-6BG381",
    platform=platform_of("ulx3s", "ULX3S_85F_Platform"),
    resources=_devices.LFE5U_85F,
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=80.0),
    configuration={
        "rows": 8,
        "columns": 8,
        "family": "ecp5",
        "requantizers": 2,
        "sum_bits": 28,
    },
    # The default router takes minutes where this one takes seconds.
    nextpnr_options=("--router", "router2"),
    seeds=(1, 2),
)
