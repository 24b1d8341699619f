"""Every board has a programmer that can be installed, and is known on USB."""

import re

import pytest

from accel import boards
from accel.usb import UsbDevice

every_board = pytest.mark.parametrize("name", boards.BOARDS)
TOOLS = {"iceprog", "openFPGALoader", "dfu-util", "fujprog", "tinyprog", "icesprog", "openocd"}
SAYS = {  # what devices call themselves
    "fomu_hacker": "Fomu Hacker running DFU Bootloader v1.8.8",
    "fomu_pvt": "Fomu PVT running DFU Bootloader v2.0.3",
    "ice40_hx8k_b_evn": "Lattice FTUSB Interface Cable",
    "ice40_up5k_b_evn": "Lattice iCE40UP5K Breakout",
    "icebreaker": "iCEBreaker V1.0e",
    "orangecrab_r0_2_85f": "OrangeCrab r0.2 DFU Bootloader v3.1-6-g62e92e2",
    "tinyfpga_bx": "TinyFPGA BX",
    "ulx3s_85f": "ULX3S FPGA 85K v3.0.8",
    "upduino_v3": "UPduino v3.1c",
    "versa_ecp5": "Lattice ECP5_5G VERSA Board",
}
SHARED = {"ft2232": (0x0403, 0x6010), "ulx3s": (0x0403, 0x6015), "icelink": (0x1D50, 0x602B)}


def device(ids, product=None, serial_number=None):
    return UsbDevice(
        vid=ids[0],
        pid=ids[1],
        product=product,
        serial_number=serial_number,
        place="1-1",
        usable=True,
    )


def names(*arguments, **values):
    return [board.name for board in boards.of_device(device(*arguments, **values))]


@every_board
def test_a_board_has_a_programmer_that_can_be_installed(name):
    programmers = boards.get(name).programmers
    assert programmers
    for one in programmers:
        assert one.tool.name in TOOLS
        assert re.match(r"install it with: |get it from https://", one.tool.how_to_install())
        assert one.sram or one.flash, "it must be able to load a bitstream in some way"


@every_board
def test_arguments_name_the_files_that_they_are_for(name):
    for one in boards.get(name).programmers:
        values = {"bitstream": "B/top.bit", "stem": "B/top", "file": "P.bin", "offset": 4096}
        for words in filter(None, (one.sram, one.flash)):
            assert "B/top" in " ".join(one.command(words, **values))
        if one.program:
            command = " ".join(one.command(one.program, **values))
            assert "P.bin" in command
            # tinyprog's bootloader knows the place of user data, which is the board's offset
            assert "4096" in command or one.tool.name == "tinyprog"


@every_board
def test_a_board_is_found_by_its_chip(name):
    chip = boards.get(name).usb_chip
    for ids in chip.ids:
        assert name in names(ids)
    if name in SAYS:
        assert chip.is_named(device(chip.ids[0], SAYS[name]))
        assert name in names(chip.ids[0], SAYS[name])


def test_boards_that_share_a_chip_are_all_named_unless_it_says_more():
    assert names(SHARED["ft2232"], "Dual RS232-HS") == [
        "ecp5_5g_evn",
        "ecpix5_45f",
        "ecpix5_85f",
        "ice40_hx8k_b_evn",
        "ice40_up5k_b_evn",
        "icebreaker",
        "versa_ecp5",
        "versa_ecp5_5g",
    ]
    assert names(SHARED["ft2232"], "iCEBreaker V1.0e") == ["icebreaker"]
    assert names(SHARED["ft2232"], "Lattice ECP5_5G VERSA Board") == [
        "versa_ecp5",
        "versa_ecp5_5g",
    ]
    assert names(SHARED["icelink"], "DAPLink CMSIS-DAP", "0710000100") == ["icesugar_pro"]
    assert len(names(SHARED["ulx3s"], "ULX3S FPGA 12K v3.0.8")) == 4
    assert names((0x1D6B, 2)) == []


@every_board
def test_the_link_of_a_known_adapter_is_at_the_chip_and_only_there(name):
    """A board whose chip has a UART to the FPGA has a rate that the chip makes; others take any
    adapter's."""
    board = boards.get(name)
    if board.usb_chip.uart is None:
        assert board.link.baud == 115_200
    if board.link.fastest:
        assert board.usb_chip.uart is not None


def test_iceprog_has_failed_where_the_fpga_did_not_start():
    (programmer,) = boards.get("icebreaker").programmers
    assert programmer.succeeded(0, "cdone: low\nprogramming..\ncdone: high\nBye.\n")
    assert not programmer.succeeded(0, "cdone: high\nprogramming..\ncdone: low\nBye.\n")
    assert not programmer.succeeded(1, "cdone: high\nBye.\n")


def test_dfu_util_is_done_where_the_device_began_anew():
    (programmer,) = boards.get("orangecrab_r0_2_25f").programmers
    gone = "dfu-util: unable to read DFU status after completion (LIBUSB_ERROR_IO)\n"
    assert programmer.succeeded(74, f"Download done.\nstate(7) = dfuMANIFEST\n{gone}")
    assert not programmer.succeeded(74, gone)
    assert not programmer.succeeded(74, "Download done.\nstate(10) = dfuERROR\n")


def test_icesprog_has_failed_where_a_transfer_has():
    (programmer,) = boards.get("icesugar").programmers
    assert programmer.succeeded(0, "write flash (104161 (0x196e1) Bytes)\ndone\n")
    assert not programmer.succeeded(0, " icelink_ram_write 0x0 failed.\ndone\n")
