"""Outputs are whole or not there, and never lead through a link to elsewhere."""

import os
from pathlib import Path

import pytest

from accel.flow.output import OutputUnusable, keep_log, staged, write_whole


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with a file that nobody may write to."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    yield folder
    assert os.listdir(folder) == ["precious"]
    assert (folder / "precious").read_text() == "mine"


def test_a_log_does_not_follow_a_link_in_its_place(tmp_path, elsewhere):
    (tmp_path / "nextpnr.log").write_text("ERROR")
    kept = tmp_path / "build.nextpnr.log"
    kept.symlink_to(elsewhere / "precious")
    assert keep_log(tmp_path / "nextpnr.log", tmp_path / "build") == kept
    assert not kept.is_symlink()
    assert kept.read_text() == "ERROR"


def test_a_folder_of_logs_does_not_follow_a_link_in_its_place(tmp_path, elsewhere):
    output = tmp_path / "build"
    output.mkdir()
    (output / "logs").symlink_to(elsewhere)
    (output / "report.json").symlink_to(elsewhere / "precious")
    with staged(output) as work:
        (work / "logs").mkdir()
        (work / "logs/precious").write_text("log")
        (work / "report.json").write_text("{}")
    assert (output / "logs/precious").read_text() == "log"
    assert not (output / "logs").is_symlink()
    assert (output / "report.json").read_text() == "{}"


def test_an_output_folder_that_is_a_link_is_where_it_leads(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with staged(tmp_path / "link") as work:
        (work / "report.json").write_text("{}")
    assert os.listdir(tmp_path / "real") == ["report.json"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="has no second disk to write to")
def test_an_output_folder_may_be_a_disk_of_its_own(tmp_path):
    """Nothing can be renamed from one disk to another."""
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        (tmp_path / "link").symlink_to(disk)
        with staged(tmp_path / "link") as work:
            (work / "report.json").write_text("{}")
        assert os.listdir(disk) == ["report.json"]


def test_what_fails_leaves_an_output_folder_as_it_was(tmp_path):
    (tmp_path / "report.json").write_text("before")
    with pytest.raises(OutputUnusable), staged(tmp_path) as work:
        (work / "report.json").write_text("after")
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "before"


@pytest.mark.parametrize("name", ["x" * 250, "ü" * 120])
def test_a_name_may_be_as_long_as_any(name, tmp_path):
    write_whole(tmp_path / name, lambda file: file.write(b"whole"))
    with staged(tmp_path / f"{name[:-1]}y") as work:
        (work / "file").write_text("")
    assert len(os.listdir(tmp_path)) == 2
