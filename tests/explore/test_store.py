"""What is finished is kept: whatever happens to the file's end, the rest is there."""

import errno
import json
import os

import pytest

from accel.explore.store import CannotKeep, Store
from accel.flow.cache.store import key_of


def test_results_are_there_when_the_folder_is_opened_again(tmp_path):
    store = Store(tmp_path / "sweep")
    store.add("a", {"cycles": 1})
    store.add("b", {"cycles": 2})
    assert Store(tmp_path / "sweep").results == {"a": {"cycles": 1}, "b": {"cycles": 2}}


@pytest.mark.parametrize("cut", range(1, 36, 5))
def test_a_last_line_that_was_cut_off_is_dropped_and_work_goes_on_after_the_others(tmp_path, cut):
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


def _damaged(line, how):
    return {
        "a bit": line.replace(b"2", b"3", 1),
        "cut off": line[: len(line) // 2],
        "another type": b"[1, 2]",
        "no object": b'{"key": "b", "result": 7, "digest": ""}',
        "no text": bytes(range(128, 160)),
        "zeros": bytes(len(line)),
        "nested": b"[" * 100_000,
        "nothing": b"",
        "of another": line.replace(b'"b"', b'"a"'),
        "no digest": line.split(b', "digest"')[0] + b"}",
    }[how]


ODD = ["a bit", "cut off", "another type", "no object", "no text", "zeros", "nested"]


@pytest.mark.parametrize("how", [*ODD, "nothing", "of another", "no digest"])
@pytest.mark.parametrize("place", range(3))
def test_an_odd_line_loses_itself_and_no_other(tmp_path, place, how):
    store = Store(tmp_path)
    for name in "abc":
        store.add(name, {"cycles": 2})
    lines = store.path.read_bytes().splitlines()
    lines[place] = _damaged(lines[place], how)
    store.path.write_bytes(b"".join(line + b"\n" for line in lines))
    again = Store(tmp_path)
    there = [name for name in "abc" if name != "abc"[place]]
    if how == "of another" and place != 1:
        there = [*"abc"]  # nothing to replace there
    assert sorted(again.results) == there
    assert all(result == {"cycles": 2} for result in again.results.values())
    again.add("d", {"cycles": 4})
    assert sorted(Store(tmp_path).results) == [*there, "d"]


def test_what_is_odd_is_counted_and_left_where_it_is(tmp_path):
    store = Store(tmp_path)
    store.add("a", {"cycles": 1})
    with store.path.open("ab") as file:
        file.write(b'{"key": "b", "resu\n')
    again = Store(tmp_path)
    assert (list(again.results), again.odd) == (["a"], 1)
    again.add("b", {"cycles": 2})
    assert b'"resu\n{"key": "b"' in store.path.read_bytes()
    assert list(Store(tmp_path).results) == ["a", "b"]


@pytest.mark.parametrize("between", [b"", b"K", b"\x00", b"}"])
def test_lines_that_a_damaged_line_end_has_joined_are_both_there(tmp_path, between):
    store = Store(tmp_path)
    for name in "abc":
        store.add(name, {"cycles": 2})
    store.path.write_bytes(store.path.read_bytes().replace(b"\n", between, 1))
    assert sorted(Store(tmp_path).results) == [*"abc"]


def test_a_store_whose_only_line_is_damaged_begins_anew(tmp_path):
    store = Store(tmp_path)
    store.add("a", {"cycles": 1})
    store.path.write_bytes(store.path.read_bytes().replace(b"1", b"2", 1))
    again = Store(tmp_path)
    assert again.results == {}
    again.add("a", {"cycles": 1})
    assert Store(tmp_path).results == {"a": {"cycles": 1}}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_or_a_folder_in_its_place_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "points.jsonl")
    with pytest.raises(CannotKeep, match="must be a file"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotKeep, match="cannot be written"):
        Store(tmp_path / "file" / "sweep")


def test_keys_go_by_content_not_by_order():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
