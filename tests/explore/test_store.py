"""What is finished is kept: whatever happens to the file's end, the rest is there."""

import errno
import json
import os

import pytest

from accel.explore.store import CannotKeep, Store
from accel.flow.cache import key_of


def test_results_are_there_when_the_folder_is_opened_again(tmp_path):
    store = Store(tmp_path / "sweep")
    store.add("a", {"cycles": 1})
    store.add("b", {"cycles": 2})
    assert Store(tmp_path / "sweep").results == {"a": {"cycles": 1}, "b": {"cycles": 2}}


@pytest.mark.parametrize("cut", range(1, 36, 5))
def test_a_last_line_that_was_cut_off_is_dropped_and_work_goes_on_behind_the_others(tmp_path, cut):
    store = Store(tmp_path)
    for name in "abc":
        store.add(name, {"cycles": 1})
    os.truncate(store.path, store.path.stat().st_size - cut)
    again = Store(tmp_path)
    assert list(again.results) == ["a", "b"]
    again.add("d", {"cycles": 4})
    assert list(Store(tmp_path).results) == ["a", "b", "d"]


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "points.jsonl").write_text("my notes\nmore notes\n")
    with pytest.raises(CannotKeep, match="begins no result of a sweep"):
        Store(tmp_path)
    assert (tmp_path / "points.jsonl").read_text() == "my notes\nmore notes\n"


def test_a_full_disk_in_the_middle_loses_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.add("a", {"cycles": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotKeep, match=r"No space left.*1 finished points are kept") as told:
        store.add("b", {"cycles": 2})
    assert "goes on from what is kept" in str(told.value)
    monkeypatch.undo()
    assert list(Store(tmp_path).results) == ["a"]
    store.add("c", {"cycles": 3})
    lines = store.path.read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a", "c"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotKeep, match="cannot be written"):
        Store(tmp_path / "file" / "sweep")


def test_keys_go_by_content_not_by_order():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
