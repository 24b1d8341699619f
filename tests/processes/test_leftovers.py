"""What a killed process has left goes with the next command, and nothing else does."""

import json
import os
import subprocess
import sys
import time

import pytest

from accel.processes import leftovers

pytestmark = pytest.mark.skipif(leftovers.fcntl is None, reason="needs locks of POSIX")

MAKES = """
import pathlib, sys, tempfile, time
from accel.processes import leftovers
journals, place = map(pathlib.Path, sys.argv[1:])
leftovers.begin(journals)
folder = pathlib.Path(tempfile.mkdtemp(prefix="work-", dir=place))
(folder / "deep").mkdir()
(folder / "deep/file").write_text("half")
tempfile.NamedTemporaryFile(dir=place, prefix=".y.npy-", delete=False)
leftovers.note_parent(place / "parent")
(place / "parent").mkdir()
(place / "mine").write_text("is no temporary file")
print("made", flush=True)
time.sleep(float(600))
"""


@pytest.fixture
def killed(tmp_path):
    """A process that has made temporary files; the test kills it."""
    (tmp_path / "place").mkdir()
    command = [sys.executable, "-c", MAKES, tmp_path / "journals", tmp_path / "place"]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "made\n"
        yield process
        process.kill()


def test_what_a_killed_process_has_left_is_removed(killed, tmp_path):
    leftovers.clear(tmp_path / "journals")
    assert len(os.listdir(tmp_path / "place")) == 4  # it still runs
    killed.kill()
    killed.wait()
    leftovers.clear(tmp_path / "journals")
    assert os.listdir(tmp_path / "place") == ["mine"]
    assert os.listdir(tmp_path / "journals") == []


def test_a_parent_folder_that_is_used_stays(killed, tmp_path):
    killed.kill()
    killed.wait()
    (tmp_path / "place/parent/file").write_text("")
    leftovers.clear(tmp_path / "journals")
    assert sorted(os.listdir(tmp_path / "place")) == ["mine", "parent"]


def abandoned(folder, *lines) -> None:
    folder.mkdir()
    (folder / "0123456789abcdef.journal").write_text("\n".join(lines))


def test_a_journal_removes_only_what_has_the_name_of_a_temporary_file(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("")
    kinds = [json.dumps([kind, str(precious)]) for kind in ("made", "parent", "other", 7)]
    abandoned(tmp_path / "journals", *kinds)
    leftovers.clear(tmp_path / "journals")
    assert (precious / "file").exists()
    assert os.listdir(tmp_path / "journals") == []


def test_a_link_in_the_place_of_a_temporary_folder_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("")
    link = tmp_path / "work-abcd1234"
    link.symlink_to(tmp_path / "mine")
    abandoned(tmp_path / "journals", json.dumps(["made", str(link)]))
    leftovers.clear(tmp_path / "journals")
    assert not link.is_symlink()
    assert (tmp_path / "mine/file").exists()


@pytest.mark.parametrize(
    "line", ["", "null", "[]", "[1, 2, 3]", '["made", 3]', '["made", "rel_abcd1234"]', '["made", "']
)
def test_a_line_that_is_none_hinders_no_other(line, tmp_path):
    made = tmp_path / "work-abcd1234"
    made.mkdir()
    abandoned(tmp_path / "journals", line, json.dumps(["made", str(made)]), line)
    leftovers.clear(tmp_path / "journals")
    assert not made.exists()


def test_a_journal_that_is_a_link_or_a_pipe_is_left_alone(tmp_path):
    made = tmp_path / "work-abcd1234"
    made.mkdir()
    (tmp_path / "elsewhere").write_text(json.dumps(["made", str(made)]))
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals/a.journal").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "journals/b.journal")
    begin = time.monotonic()
    leftovers.clear(tmp_path / "journals")
    assert time.monotonic() - begin < 60  # it has not waited for a writer
    assert made.exists()


def test_where_no_journal_can_be_kept_commands_run_all_the_same(tmp_path):
    (tmp_path / "journals").write_text("is no folder")
    program = MAKES.replace("600", "0")
    (tmp_path / "place").mkdir()
    command = [sys.executable, "-c", program, tmp_path / "journals", tmp_path / "place"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "made\n"), done.stderr
