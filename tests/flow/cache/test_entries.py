"""What is taken from a cache is what this user has put there under that key."""

import os
import stat
import zipfile
from io import BytesIO

import pytest

from accel.flow.cache import archives, entries

posix = pytest.mark.skipif(os.name != "posix", reason="has no permissions of this kind")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cache" / "rtl" / "key.entry"
    assert entries.write(path, "key", b"data")
    return path


def test_what_was_written_is_read(path):
    assert entries.read(path, "key", 1000) == b"data"
    assert entries.read(path.with_name("other"), "key", 1000) is None


@posix
def test_folder_and_files_are_of_this_user_alone(path):
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_folder_that_others_could_write_is_made_private(path):
    path.parent.chmod(0o777)
    assert entries.read(path, "key", 1000) == b"data"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="may not give files away")
@pytest.mark.parametrize("who", ["file", "folder"])
def test_what_is_of_another_user_is_not_taken(path, who):
    os.chown(path if who == "file" else path.parent, 65534, 65534)
    assert entries.read(path, "key", 1000) is None
    assert entries.write(path, "key", b"data") == (who == "file")


@posix
def test_a_file_that_others_could_write_is_not_taken(path):
    path.chmod(0o666)
    assert entries.read(path, "key", 1000) is None
    assert not path.exists()


def test_an_entry_of_another_key_is_not_taken(path):
    other = path.with_name("other.entry")
    path.rename(other)
    assert entries.read(other, "other", 1000) is None
    assert not other.exists()


def test_an_entry_that_is_too_large_is_not_taken(path):
    assert entries.read(path, "key", path.stat().st_size - 1) is None


@posix
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_a_file_is_taken_and_another_can_be_written_there(path, kind):
    moved = path.with_name("moved")
    path.rename(moved)
    if kind == "link":
        path.symlink_to(moved)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert entries.read(path, "key", 1000) is None
    assert entries.write(path, "key", b"new")
    assert entries.read(path, "key", 1000) == b"new"


def test_the_disk_has_the_data_before_the_name(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    assert entries.write(tmp_path / "key", "key", b"data")
    assert calls[:2] == ["fsync", "replace"]


def test_a_full_disk_leaves_what_was_there(path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not entries.write(path, "key", b"other")
    monkeypatch.undo()
    assert entries.read(path, "key", 1000) == b"data"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../../x", "a//b", "a/", "a\\b", "C:x", ".x", "a/./b", "-x", "a\nb", "", "ä"],
)
def test_no_name_of_an_archive_leaves_its_folder(name):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("good"), b"1")
        archive.writestr(zipfile.ZipInfo(name), b"2")
    with pytest.raises(archives.BadArchive):
        archives.unpack(packed.getvalue())


def test_an_archive_is_bounded_before_it_is_read():
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1 << 20))
    assert len(packed.getvalue()) < 2000
    with pytest.raises(archives.BadArchive, match="at most 1000000 bytes"):
        archives.unpack(packed.getvalue(), 1_000_000)


def test_what_is_packed_is_unpacked(tmp_path):
    (tmp_path / "logs").mkdir()
    files = {"top.bin": b"\0\1", "logs/nextpnr-seed-1.log": b"log"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert archives.unpack(archives.pack(tmp_path, [tmp_path / name for name in files])) == files
