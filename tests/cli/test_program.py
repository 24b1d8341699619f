"""`accel program`, and what comes before and after it."""

import json
import os
from dataclasses import replace

import pytest

import accel as project
from accel import boards
from accel.target import resources
from tests.support.built import build_folder
from tests.support.networks.small import two_convolutions

from .conftest import MODEL

if os.name != "posix":
    pytest.skip("fakes tools by scripts", allow_module_level=True)

OFFSET = 1 << 20  # of programs in the icebreaker's flash
ALONE = ("--board", "icebreaker", "--set", "bank_words=1024", "--flash")
"""What `streamed` needs where there is no report that says which core the board has."""


@pytest.fixture
def programmer(tmp_path, monkeypatch):
    """A function that puts a programmer on the path; it notes its calls in a file, which is
    returned."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name, body="echo 'cdone: high'"):
        calls = tmp_path / "calls"
        calls.touch()
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{calls}"\n{body}\n')
        path.chmod(0o755)
        return calls

    return make


@pytest.fixture
def streamed(accel, tmp_path):
    """A build's folder with a program whose weights are partly in flash."""
    options = ("--set", "bank_words=1024")
    config = resources.configure(boards.get("icebreaker"), bank_words=1024)
    folder = build_folder(tmp_path / "b", "icebreaker", configuration=config.as_dict())
    code, output, _ = accel("compile", MODEL, "--board", "icebreaker", *options, "-o", folder)
    assert code == 0
    assert f"Or: {' '.join(['accel program', str(folder), *ALONE])}" in output
    return folder


def test_a_bitstream_is_loaded_and_the_next_commands_are_said(accel, programmer, tmp_path):
    calls = programmer("openFPGALoader", "echo 'Loading: 100%'")
    folder = build_folder(tmp_path / "b", "ulx3s_25f")
    code, output, errors = accel("program", folder)
    assert code == 0, errors
    assert calls.read_text() == f"openFPGALoader -b ulx3s -m {folder}/top.bit\n"
    assert "Loading: 100%" in errors
    lines = output.splitlines()
    assert lines[0] == f"Loading {folder}/top.bit into ulx3s_25f"
    assert lines[-2] == (
        "Next: accel run MODEL --board ulx3s_25f -i X.npy -o Y.npy --executor board"
    )
    assert lines[-1].endswith(": accel load program/program.bin --board ulx3s_25f")


def test_the_core_that_was_built_is_in_the_next_command(accel, programmer, tmp_path):
    programmer("iceprog")
    config = resources.configure(boards.get("icebreaker"), rows=2, weight_steps=1024)
    folder = build_folder(tmp_path / "b", "icebreaker", configuration=config.as_dict())
    code, output, _ = accel("program", folder)
    assert code == 0
    assert "--board icebreaker --rows 2 --set weight_steps=1024 -i X.npy" in output
    assert "iceprog loads icebreaker by its flash alone: it is written" in output


def test_a_link_on_pins_needs_a_port_and_an_spi_link_has_none(accel, programmer, tmp_path):
    programmer("iceprog")
    _, output, _ = accel("program", build_folder(tmp_path / "a", "upduino_v3"))
    assert "--executor board --port PORT" in output
    folder = build_folder(tmp_path / "b", "icebreaker", spi={"sck": "45"})
    _, output, _ = accel("program", folder)
    assert "over SPI" in output
    assert "accel run" not in output


def test_a_dry_run_prints_the_commands_and_runs_nothing(accel, programmer, tmp_path):
    calls = programmer("iceprog")
    folder = build_folder(tmp_path / "a b", "icebreaker")
    code, output, _ = accel("program", folder, "--flash", "--dry-run", "--json", "-")
    assert code == 0
    assert json.loads(output) == {
        "board": "icebreaker",
        "bitstream": f"{folder}/top.bin",
        "commands": [["iceprog", f"{folder}/top.bin"]],
        "run": False,
    }
    _, output, _ = accel("program", folder, "--flash", "--dry-run")
    assert output.splitlines() == [f"iceprog '{folder}/top.bin'"]
    assert calls.read_text() == ""


def test_a_dry_run_needs_no_programmer_but_a_run_does(accel, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    folder = build_folder(tmp_path / "b", "icesugar")
    code, output, errors = accel("program", folder, "--dry-run")
    assert code == 0
    assert output.splitlines()[-1] == f"icesprog {folder}/top.bin"
    assert "No programmer of icesugar is installed" in errors
    message = refused("program", folder, code=1)
    assert message.startswith(
        "No programmer of icesugar is installed: icesprog: get it from https://github.com/wuxx/"
    )


def test_a_failure_is_told_once_and_ends_with_1(refused, programmer, tmp_path, monkeypatch):
    monkeypatch.setattr("accel.usb.connected", lambda: None)
    programmer("iceprog", "echo 'usb: LIBUSB_ERROR_ACCESS' >&2; exit 2")
    message = refused("program", build_folder(tmp_path / "b", "icebreaker"), code=1)
    assert "iceprog failed with exit code 2: this user may not use" in message
    assert 'ATTRS{idProduct}=="6010"' in message


def test_what_cannot_be_loaded_is_refused_before_anything_runs(refused, programmer, tmp_path):
    calls = programmer("iceprog")
    folder = build_folder(tmp_path / "b", "icebreaker")
    (folder / "top.bin").write_bytes(b"")
    assert "top.bin: is not whole" in refused("program", folder)
    assert "has no report.json" in refused("program", tmp_path)
    assert "has no bitstream; build one with" in refused(
        "program", tmp_path, "--board", "icebreaker"
    )
    with project.compile(two_convolutions(), board="icebreaker") as program:
        program.save(tmp_path / "program.bin")
    assert "has nothing for the flash, accel load loads it" in refused(
        "program", tmp_path, "--board", "icebreaker", "--flash"
    )
    assert "not for upduino_v3" in refused("program", folder, "--board", "upduino_v3")
    assert calls.read_text() == ""


def test_the_default_is_the_folder_build(accel, refused, programmer, tmp_path, monkeypatch):
    programmer("iceprog")
    monkeypatch.chdir(tmp_path)
    assert refused("program").startswith("build: does not exist; build one with: accel build ")
    build_folder(tmp_path / "build", "icebreaker")
    code, output, _ = accel("program", "--dry-run")
    assert (code, output.splitlines()[-1]) == (0, "iceprog build/top.bin")


def test_a_program_in_flash_is_written_after_the_bitstream(accel, programmer, streamed):
    calls = programmer("iceprog")
    code, output, errors = accel("program", streamed, "--flash")
    assert code == 0, errors
    assert calls.read_text().splitlines() == [
        f"iceprog {streamed}/top.bin",
        f"iceprog -o {OFFSET} {streamed}/program.bin",
    ]
    assert f"Writing {streamed}/program.bin into the flash of icebreaker" in output
    calls.write_text("")
    code, output, _ = accel("program", streamed)
    assert f"{streamed}/program.bin belongs into the flash, too: write both with --flash" in output
    assert calls.read_text() == f"iceprog {streamed}/top.bin\n"


@pytest.fixture
def alone(streamed):
    """The folder with the program and no bitstream."""
    for name in ("report.json", "top.bin"):
        (streamed / name).unlink()
    return streamed


def test_a_program_is_written_alone_where_there_is_no_bitstream(accel, refused, programmer, alone):
    calls = programmer("iceprog")
    said = refused("program", alone, *ALONE[:-1])
    assert said == (
        f"{alone}: has no bitstream; program.bin goes into the flash with --flash, or is loaded "
        "with accel load"
    )
    code, _, errors = accel("program", alone, *ALONE)
    assert code == 0, errors
    assert calls.read_text() == f"iceprog -o {OFFSET} {alone}/program.bin\n"


def test_a_program_of_another_core_than_the_bitstream_is_not_written(
    accel, refused, programmer, streamed
):
    calls = programmer("iceprog")
    config = resources.configure(boards.get("icebreaker"), bank_words=2048)
    changed(streamed, configuration=config.as_dict())
    said = refused("program", streamed, "--flash")
    assert said == (
        f"{streamed}/program.bin: is for a core with bank_words=1024, and the bitstream beside it "
        "has bank_words=2048; nothing was written. Compile the network for this core: accel "
        f"compile MODEL --board icebreaker --set bank_words=2048 -o {streamed}"
    )
    code, output, errors = accel("program", streamed, "--dry-run")  # it need not be written
    assert code == 0 and "is for a core with bank_words=1024" in errors
    assert output.splitlines()[-1] == f"iceprog {streamed}/top.bin"
    assert calls.read_text() == ""
    remedy = said.partition("accel ")[2].replace("MODEL", str(MODEL)).split()
    assert accel(*remedy)[0] == 0
    assert accel("program", streamed, "--flash")[0] == 0
    assert calls.read_text() != ""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"identity": "00"}, "was built by another version of accel"),
        ({"configuration": {"rows": 4, "height": 5}}, "report.json beside it does not say which"),
        ({"configuration": None}, "report.json beside it does not say which core it has"),
    ],
    ids=["another version's", "a value that no core has", "none"],
)
def test_a_bitstream_whose_core_is_not_known_is_not_written_with_a_program(
    refused, programmer, streamed, facts, said
):
    calls = programmer("iceprog")
    changed(streamed, **facts)
    found = refused("program", streamed, "--flash")
    assert found.startswith(f"{streamed}/top.bin: {said}")
    assert f"build it again with: accel build --board icebreaker -o {streamed}" in found
    assert calls.read_text() == ""


def test_a_program_alone_is_held_to_the_boards_core(accel, refused, programmer, alone):
    calls = programmer("iceprog")
    said = refused("program", alone, "--board", "icebreaker", "--flash")
    assert said.startswith(
        f"{alone}/program.bin: is for a core with bank_words=1024, and that of icebreaker has "
        "bank_words=16384; nothing was written. Compile the network for this core: "
    )
    assert said.endswith("built so, say it with: --set bank_words=1024")
    said = refused("program", alone, "--board", "icesugar_pro", "--flash")
    assert "(it was compiled for icebreaker), and that of icesugar_pro has rows=8" in said
    assert "say it with" not in said  # such a core is for another FPGA
    said = refused("program", alone, "--board", "upduino_v3", "--set", "flash_lanes=4", "--flash")
    assert "the core reads a flash on 4 data lines, upduino_v3 has at most 2 of them wired" in said
    assert calls.read_text() == ""


def test_which_core_the_board_has_is_said_once(refused, streamed):
    said = refused("program", streamed, "--rows", "2", "--set", "bank_words=2048", "--dry-run")
    assert said.startswith("--rows, --set bank_words: is for a folder without report.json")


def test_what_has_no_room_in_the_flash_is_not_written(
    accel, refused, programmer, streamed, monkeypatch
):
    calls, board = programmer("iceprog"), boards.get("icebreaker")

    def with_flash(**values):
        changed_board = replace(board, flash=replace(board.flash, **values))
        monkeypatch.setattr(boards, "BOARDS", {**boards.BOARDS, "icebreaker": changed_board})

    size = (streamed / "program.bin").stat().st_size
    with_flash(size=OFFSET + size - 1)
    said = refused("program", streamed, "--flash")
    assert said.startswith(
        f"{streamed}/program.bin: has {size:,} bytes, and the flash of icebreaker {size - 1:,} "
        "from byte 0x100000 on, where its core reads programs; compile a smaller network, or take "
        "a board with more, such as "
    )
    with_flash(size=OFFSET + size)
    assert accel("program", streamed, "--flash")[0] == 0
    calls.write_text("")
    end = (streamed / "top.bin").stat().st_size
    with_flash(offset=end - 1)
    said = refused("program", streamed, "--flash")
    assert said.startswith(
        f"{streamed}/top.bin: ends at byte {end:#x} of the flash, and programs of icebreaker begin "
        f"at {end - 1:#x}: {streamed}/program.bin would overwrite it; build"
    )
    assert calls.read_text() == ""


def test_a_damaged_program_is_not_written(refused, programmer, streamed):
    calls = programmer("iceprog")
    (streamed / "program.bin").write_bytes(b"damaged")
    assert "program.bin: is not a program file" in refused("program", streamed, "--flash")
    assert calls.read_text() == ""


def changed(folder, **facts):
    """Let the report of a build say these."""
    report = json.loads((folder / "report.json").read_text()) | facts
    (folder / "report.json").write_text(json.dumps(report))


def test_a_build_ends_with_the_command_that_loads_it(tmp_path):
    from accel.cli.program import next_of_build

    bitstream = tmp_path / "a b/top.bin"
    said = next_of_build(tmp_path / "a b", boards.get("icebreaker"), bitstream)
    assert said == f"Next: accel program '{tmp_path}/a b'"
    own = replace(boards.get("icebreaker"), name="m:C", programmers=())
    assert next_of_build(tmp_path, own, bitstream) == (
        f"Next: load {bitstream} with the board's programmer"
    )
