"""Lattice iCE40UP5K-B-EVN: UP5K and 12 MHz, with jumper J51 closed as it is delivered.

Its USB chip has no serial wires to the FPGA. The link is on header C (J3), on the pins that
litex-boards (lattice_ice40up5k_evn) takes the first of: 12 (J3 pin 2) sends, 21 (J3 pin 4)
receives.

Checked against that file (clock, LEDs, header C, flash, for which jumper J7 must be closed).
"""

from accel.boards import _devices
from accel.boards._board import Board, Link, Wires, iceprog_flash, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ice40_up5k_b_evn",
    title="Lattice iCE40UP5K-B-EVN",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=2),
    platform=platform_of("ice40_up5k_b_evn", "ICE40UP5KBEVNPlatform", uart=Wires(rx="21", tx="12")),
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    flash=iceprog_flash(offset=1 << 20),
    led=("led_g", 0),
    # The user connects an adapter: a rate that all of them support.
    link=Link(baud=115_200),
)
