"""A build's folder is read again with care: another board's, a damaged or a slow bitstream is
not loaded."""

import re

import pytest

from accel import boards
from accel.target.built import NotBuilt, read_built
from tests.support.built import ECP5_BITSTREAM, ICE40_BITSTREAM, build_folder


def refused(folder, board=None):
    with pytest.raises(NotBuilt) as caught:
        read_built(folder, boards.get(board) if board else None)
    return str(caught.value)


def test_the_board_is_that_of_the_report(tmp_path):
    for name, suffix in (("icebreaker", ".bin"), ("ulx3s_25f", ".bit")):
        built = read_built(build_folder(tmp_path / name, name))
        assert built.board is boards.get(name)
        assert built.bitstream == tmp_path / name / f"top{suffix}"
        assert built.report["board"] == name


def test_a_bitstream_without_a_report_needs_a_board(tmp_path):
    folder = build_folder(tmp_path / "b", "icebreaker")
    (folder / "report.json").unlink()
    assert read_built(folder, boards.get("icebreaker")).bitstream == folder / "top.bin"
    assert refused(folder).startswith(
        f"{folder}: has no report.json that says which board it is for; give --board"
    )


def test_a_folder_that_is_not_there_is_told_with_the_command_that_makes_it(tmp_path):
    said = f"{tmp_path / 'b'}: does not exist; build one with: accel build --board BOARD -o "
    assert refused(tmp_path / "b").startswith(said)
    (tmp_path / "b").touch()
    assert "is a file; give the folder" in refused(tmp_path / "b")


def test_another_boards_bitstream_is_refused_although_the_fpga_is_the_same(tmp_path):
    folder = build_folder(tmp_path / "b", "icebreaker")
    assert boards.get("upduino_v3").device == boards.get("icebreaker").device
    for other in ("upduino_v3", "ulx3s_25f"):
        assert refused(folder, other) == (
            f"{folder}: was built for icebreaker with iCE40UP5K-SG48, not for {other}; build it "
            f"again with: accel build --board {other} -o {folder}"
        )


def test_a_report_for_another_fpga_than_its_boards_is_refused(tmp_path):
    folder = build_folder(tmp_path / "b", "icebreaker", device="iCE40HX8K-CT256")
    assert "was built for FPGA iCE40HX8K-CT256, and icebreaker has iCE40UP5K" in refused(folder)


def test_of_a_platform_only_the_user_says_whose_programmer_it_has(tmp_path):
    """Its module is not imported because a file names it."""
    spec = "tests.no_such_module:Platform"
    folder = build_folder(tmp_path / "b", "icebreaker", board=spec)
    assert f"was built for {spec}, whose programmer is not known; give --board" in refused(folder)
    assert read_built(folder, boards.get("upduino_v3")).board.name == "upduino_v3"
    assert f"was built for {spec} with iCE40UP5K" in refused(folder, "tinyfpga_bx")


def test_a_bitstream_that_is_too_slow_is_refused(tmp_path):
    folder = build_folder(tmp_path / "b", "icebreaker", timing_met=False)
    assert "does not meet its timing and must not be used" in refused(folder)


@pytest.mark.parametrize(
    "name, whole", [("icebreaker", ICE40_BITSTREAM), ("ulx3s_85f", ECP5_BITSTREAM)]
)
def test_a_bitstream_that_is_cut_off_or_missing_is_refused(name, whole, tmp_path):
    folder = build_folder(tmp_path / "b", name)
    path = read_built(folder).bitstream
    for end in (0, len(whole) // 2, len(whole) - 2):
        path.write_bytes(whole[:end])
        assert re.match(rf"{path}: is not whole: it .*; build it again", refused(folder))
    path.unlink()
    assert refused(folder) == f"{path}: is missing; build it again with accel build"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"board": 7, "device": ""}', "[" * 100_000, '"board device"']
)
def test_what_is_no_report_is_refused(text, tmp_path):
    folder = build_folder(tmp_path / "b", "icebreaker")
    (folder / "report.json").write_text(text)
    assert refused(folder).startswith(f"{folder / 'report.json'}: is not a build's report: ")


def test_a_program_alone_has_no_bitstream(tmp_path):
    (tmp_path / "program.bin").touch()
    built = read_built(tmp_path, boards.get("icebreaker"))
    assert (built.bitstream, dict(built.report)) == (None, {})
