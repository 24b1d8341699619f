"""A programmer is called with the board's arguments, watched, and its failures are explained."""

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from accel import boards, usb
from accel.boards import Board
from accel.flow.tools import ToolMisnamed
from accel.target import programming
from accel.target.programming import CannotProgram, ProgrammerFailed, find_programmer, run, steps
from tests.boards.test_boards import plan_of

if os.name != "posix":
    pytest.skip("fakes tools by scripts", allow_module_level=True)

BIT, BIN, PROGRAM = Path("b/top.bit"), Path("b/top.bin"), Path("p/program.bin")


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A function that puts a shell script on the path, which then has nothing else of ours."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name: str, body: str) -> str:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return make


def commands(name, *, flash=False, program=None, tool=0):
    board = boards.get(name)
    bitstream = BIT if board.family == "ecp5" else BIN
    programmer = board.programmers[tool]
    found = steps(board, programmer, bitstream, flash=flash, program=program)
    return [" ".join(step.command) for step in found]


def called(name, executable):
    """What a call printed, by lines that stay and lines that are replaced."""
    board, kept, replaced = boards.get(name), [], []
    (step,) = steps(board, board.programmers[0], BIN)
    run(board, step, executable, lambda line, gone: (replaced if gone else kept).append(line))
    return kept, replaced


def failure(name, executable, **options):
    board = boards.get(name)
    (step,) = steps(board, board.programmers[0], BIN)
    with pytest.raises(ProgrammerFailed) as caught:
        run(board, step, executable, lambda *_: None, **options)
    return str(caught.value)


def test_a_bitstream_is_loaded_until_power_is_off_where_that_can_be():
    assert commands("ulx3s_25f") == ["openFPGALoader -b ulx3s -m b/top.bit"]
    assert commands("ulx3s_25f", tool=1) == ["fujprog b/top.bit"]
    assert commands("ice40_hx8k_b_evn") == ["iceprog -S b/top.bin"]
    assert commands("icebreaker") == ["iceprog b/top.bin"]
    assert commands("orangecrab_r0_2_25f") == ["dfu-util -d 1209:5af0 -a 0 -D b/top.bit"]


def test_the_flash_gets_the_bitstream_and_then_the_program():
    offset = 1 << 20
    assert commands("icebreaker", flash=True, program=PROGRAM) == [
        "iceprog b/top.bin",
        f"iceprog -o {offset} p/program.bin",
    ]
    assert commands("ulx3s_85f", flash=True, program=PROGRAM, tool=1) == [
        "fujprog -j flash b/top.bit",
        f"fujprog -j flash -f {1 << 22} -T img p/program.bin",
    ]


def test_a_bootloader_that_ends_after_a_call_gets_both_by_one():
    assert commands("tinyfpga_bx", flash=True, program=PROGRAM) == [
        "tinyprog -p b/top.bin -u p/program.bin"
    ]


def test_what_a_programmer_cannot_do_is_refused(tmp_path):
    versa = boards.get("versa_ecp5")
    with pytest.raises(CannotProgram, match=r"^versa_ecp5: openocd cannot write its flash; leave"):
        steps(versa, versa.programmers[0], BIT, flash=True)
    with pytest.raises(CannotProgram, match=r"^p/program.bin: dfu-util cannot write it into .* at"):
        commands("fomu_pvt", flash=True, program=PROGRAM)
    with pytest.raises(CannotProgram, match=r"^m:C: its programmer is not known; load"):
        find_programmer(Board(**{**vars(versa), "name": "m:C", "programmers": ()}))


def test_openocd_reads_what_lies_beside_the_bitstream(tmp_path):
    versa = boards.get("versa_ecp5")
    stem = tmp_path / "top"
    with pytest.raises(CannotProgram, match=r"top-openocd.cfg: is missing, and openocd reads it"):
        steps(versa, versa.programmers[0], stem.with_suffix(".bit"))
    for end in ("-openocd.cfg", ".svf"):
        Path(f"{stem}{end}").touch()
    (step,) = steps(versa, versa.programmers[0], stem.with_suffix(".bit"))
    script = f"transport select jtag; init; svf -quiet {{{stem}.svf}}; exit"
    assert step.command == ("openocd", "-f", f"{stem}-openocd.cfg", "-c", script)
    other = tmp_path / "a} b"
    other.mkdir()
    for end in ("-openocd.cfg", ".svf"):
        (other / f"top{end}").touch()
    with pytest.raises(CannotProgram, match="no path with braces"):
        steps(versa, versa.programmers[0], other / "top.bit")


def test_the_configuration_that_openocd_reads_is_one_that_a_build_leaves():
    made = plan_of(boards.get("versa_ecp5"))
    assert "top-openocd.cfg" in made.files
    assert "top.svf" in made.pack and "top.bit" in made.pack


def test_the_first_programmer_that_is_installed_is_taken(fake, monkeypatch):
    ulx3s = boards.get("ulx3s_12f")
    first, path = find_programmer(ulx3s)
    assert (first.tool.name, path) == ("openFPGALoader", None)
    there = fake("fujprog", "true")
    assert find_programmer(ulx3s) == (ulx3s.programmers[1], there)
    there = fake("openFPGALoader", "true")
    assert find_programmer(ulx3s) == (ulx3s.programmers[0], there)
    named = fake("my_loader", "true")
    monkeypatch.setenv("OPENFPGALOADER", named)
    assert find_programmer(ulx3s) == (ulx3s.programmers[0], named)
    monkeypatch.setenv("OPENFPGALOADER", "no_such_loader")
    with pytest.raises(ToolMisnamed, match=r"^OPENFPGALOADER must name"):
        find_programmer(ulx3s)


def test_what_is_missing_is_named_with_how_to_install_it():
    said = str(programming.missing(boards.get("ulx3s_12f")))
    assert said.startswith("No programmer of ulx3s_12f is installed: openFPGALoader: install it ")
    assert "sudo apt install openfpgaloader" in said
    assert "; or fujprog: get it from https://" in said
    assert f"{sys.executable} -m pip install" in str(programming.missing(boards.get("tinyfpga_bx")))


def test_its_output_is_passed_on_as_it_comes(fake):
    body = r"printf 'init..\n10%%\r20%%\r'; printf 'done\r\nno end' >&2; echo; echo $@"
    kept, replaced = called("icebreaker", fake("iceprog", body))
    assert kept == ["init..", "done", "no end", "b/top.bin"]
    assert replaced == ["10%", "20%"]


def test_no_shell_reads_its_arguments(fake):
    board = boards.get("icebreaker")
    name = Path("a b; touch $HOME `x`/top.bin")
    (step,) = steps(board, board.programmers[0], name)
    printed = []
    run(board, step, fake("iceprog", 'echo "$1"'), lambda line, _: printed.append(line))
    assert printed == [str(name)]


def test_an_exit_code_is_a_failure(fake, monkeypatch):
    monkeypatch.setattr(usb, "connected", lambda: None)
    said = failure("icebreaker", fake("iceprog", "echo ABORT.; exit 2"))
    assert said == (
        "writing b/top.bin into the flash of icebreaker: iceprog failed with exit code 2; see "
        "above what it says"
    )
    assert failure("orangecrab_r0_2_25f", fake("dfu-util", "exit 74")).endswith(
        "; hold its button while you plug it in: its bootloader runs"
    )


def test_an_output_that_says_so_is_a_failure(fake, monkeypatch):
    monkeypatch.setattr(usb, "connected", lambda: None)
    said = failure("icebreaker", fake("iceprog", "echo 'cdone: low'; echo Bye."))
    assert "iceprog failed, as what it printed says" in said


@pytest.mark.parametrize(
    "printed", ["LIBUSB_ERROR_ACCESS", "[Errno 13] Permission denied: '/dev/ttyACM0'"]
)
def test_a_missing_permission_is_told_with_the_rule_for_the_board(printed, fake, monkeypatch):
    monkeypatch.setattr(usb, "connected", lambda: None)
    said = failure("tinyfpga_bx", fake("tinyprog", f'echo "{printed}"; exit 1'))
    assert "exit code 1: this user may not use the board's USB device; write into /etc/udev" in said
    assert 'ATTRS{idVendor}=="1d50", ATTRS{idProduct}=="6130", MODE="0660", TAG+="uaccess"' in said


def device(ids, usable):
    one = {"product": None, "serial_number": None, "place": "1-1", "usable": usable}
    return usb.UsbDevice(vid=ids[0], pid=ids[1], **one)


def test_what_a_programmer_calls_missing_may_lack_permission_or_be_missing(fake, monkeypatch):
    """iceprog says the same of both."""
    tool = fake("iceprog", 'echo "Can\'t find iCE FTDI USB device"; exit 2')
    here = [device((0x0403, 0x6010), usable=False)]
    monkeypatch.setattr(usb, "connected", lambda: here)
    assert 'ATTRS{idProduct}=="6010"' in failure("icebreaker", tool)
    here[:] = [device((0x0403, 0x6010), usable=True)]
    assert failure("icebreaker", tool).endswith("exit code 2; see above what it says")
    here[:] = [device((0x1D6B, 2), usable=True)]
    assert failure("icebreaker", tool).endswith(
        "exit code 2: there is no USB device 0403:6010; plug the board in"
    )


def processes(tool: str) -> list[str]:
    """Processes of this script."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if tool in path.read_text():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def assert_gone(tool: str) -> None:
    end = time.monotonic() + 5
    while processes(tool) and time.monotonic() < end:
        time.sleep(0.02)
    assert processes(tool) == []


def test_one_that_does_not_end_is_ended(fake, monkeypatch):
    monkeypatch.setattr(usb, "connected", lambda: None)
    tool = fake("iceprog", "trap '' TERM INT; echo waiting; sleep 60")
    assert "iceprog did not end within 0.3 s" in failure("icebreaker", tool, seconds=0.3)
    assert_gone(tool)


def test_an_interrupt_ends_it(fake):
    tool = fake("iceprog", "trap '' TERM INT; echo waiting; sleep 60")
    board = boards.get("icebreaker")
    (step,) = steps(board, board.programmers[0], BIN)

    def interrupt(line, _):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        run(board, step, tool, interrupt)
    assert_gone(tool)


def test_one_that_cannot_be_started_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(usb, "connected", lambda: None)
    said = failure("icebreaker", str(tmp_path / "none"))
    assert re.search(r"iceprog failed with exit code 127", said)
