"""``accel run --stream`` goes on where the last run ended; commands name states and their bytes."""

import json

import numpy as np
import pytest

from accel.compiler.tflite_export.writer import write
from tests.support.networks.streaming import frames, window

from .conftest import MODEL

X = frames(6)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a network with states, and samples: all, the first four, the others."""
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "window.tflite").write_bytes(write(window()))
    for name, part in (("x", X), ("a", X[:4]), ("b", X[4:])):
        np.save(tmp_path / f"{name}.npy", part)
    return tmp_path


@pytest.fixture
def ran(accel, files):
    """Return a function that runs samples and gives the answers and what was said."""

    def run(model, samples, *words):
        code, said, errors = accel(
            "run", model, "-i", files / f"{samples}.npy", "-o", files / "y.npy", *words
        )
        assert code == 0, errors
        return np.load(files / "y.npy"), said, errors

    return run


def test_a_run_goes_on_where_the_last_one_ended_whatever_it_ran_on(accel, files, ran):
    model = files / "window.tflite"
    whole = ran(model, "x")[0]
    for first, second in (("machine", "machine"), ("reference", "machine")):
        parts = [ran(model, "a", "-e", first)[0], ran(model, "b", "-e", second, "--stream")[0]]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(ran(model, "x")[0], whole)  # which begins anew
    assert accel("compile", model, "-o", files / "out")[0] == 0
    program = files / "out" / "program.bin"
    parts = [ran(program, "a")[0], ran(program, "b", "--stream")[0]]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_first_run_says_that_there_is_nothing_to_go_on_with(files, ran):
    answers, _, errors = ran(files / "window.tflite", "x", "--stream")
    assert "no run has left states of this program" in errors
    np.testing.assert_array_equal(answers, ran(files / "window.tflite", "x")[0])


def test_what_was_left_and_is_damaged_is_as_nothing(files, ran):
    model = files / "window.tflite"
    ran(model, "a")
    (entry,) = (files / "cache/states").glob("*.entry")
    entry.write_bytes(entry.read_bytes()[:-9] + b"123456789")
    assert "no run has left states" in ran(model, "b", "--stream")[2]


def test_a_network_without_state_is_told_so(refused, files):
    np.save(files / "digits.npy", np.zeros((2, 8, 8, 1), np.int8))
    words = ("-i", files / "digits.npy", "-o", files / "y.npy", "--stream")
    said = refused("run", MODEL, *words)
    assert "no state that outlives an inference" in said
    assert "leave out --stream" in said
    assert not (files / "y.npy").exists()


def test_a_state_that_is_no_end_is_told_with_those_that_are(refused, files):
    said = refused("check", MODEL, "--state", "nope=never")
    assert "state 'nope=never': names an output 'nope', which the network has not" in said


def test_states_are_named_with_their_bytes(accel, files, ran):
    model = files / "window.tflite"
    code, said, errors = accel("check", model, "-b", "icebreaker")
    assert code == 0, errors
    assert "2 states stay in memory" in said
    assert "frames [2, 1, 4], 8 bytes" in said
    assert "0 of them on the line" in said
    assert accel("check", model, "-b", "icebreaker", "--json", files / "check.json")[0] == 0
    (checked,) = json.loads((files / "check.json").read_text())
    assert [(s["name"], s["bytes"]) for s in checked["states"]] == [("frames", 8), ("record", 4)]
    _, said, _ = ran(model, "x", "--json", files / "run.json")
    assert "2 states stay in memory" in said
    found = json.loads((files / "run.json").read_text())
    assert [state["name"] for state in found["states"]] == ["frames", "record"]
    assert found["state_bytes"] == sum(state["bytes"] for state in found["states"]) == 12
    assert found["state_line_bytes"] == 0


def test_live_samples_are_successive_inferences(accel, files, ran):
    (files / "folder").mkdir()
    for number, sample in enumerate(X):
        np.save(files / "folder" / f"{number}.npy", sample)
    words = ("--folder", files / "folder", "--json", files / "live.json")
    code, _, errors = accel("live", files / "window.tflite", *words)
    assert code == 0, errors
    expected = ran(files / "window.tflite", "x")[0]
    lines = [json.loads(line) for line in (files / "live.json").read_text().splitlines()[:-1]]
    assert [line["class"] for line in lines] == expected.reshape(len(X), -1).argmax(1).tolist()
