"""``accel live``: samples from every kind of source get the answers of a batch, and a summary."""

import io
import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import accel
from accel.cli import app
from accel.cli.inputs.camera import nearest
from accel.config import AcceleratorConfig
from tests.support.networks.small import Chain

from .conftest import DIGITS, MODEL

with np.load(DIGITS / "test_images.npz") as archive:
    X = archive["x"][:6]
NAMES = [f"digit {n}" for n in range(10)]


@pytest.fixture(scope="module")
def expected():
    return accel.compile(MODEL).run(X).output.argmax(axis=1).tolist()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "program.bin"
    accel.compile(MODEL, board="icebreaker").save(path, labels=NAMES)
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A network that takes 64 samples of sound, whose codes are 1/128 each."""
    path = tmp_path_factory.mktemp("sound") / "sound.bin"
    graph = Chain((1, 64)).fully_connected(4).graph()
    accel.compile(graph, config=AcceleratorConfig()).save(path)
    return path


def live(*words, data: bytes = b"") -> tuple[int, list[dict], str]:
    """Exit code, the lines of JSON, and what people read."""
    words = ["live", *map(str, words), "--json", "-"]
    result = CliRunner().invoke(app, words, input=data, prog_name="accel")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, lines, result.stderr


def answered(*words, data: bytes = b"") -> list[dict]:
    code, lines, errors = live(*words, data=data)
    assert code == 0, errors
    *samples, summary = lines
    assert summary["summary"]["samples"] == len(samples)
    return samples


def refusal(*words, data: bytes = b"") -> str:
    code, _, errors = live(*words, data=data)
    assert code == 2, errors
    assert errors.count("error: ") == 1
    return errors.rpartition("error: ")[2].strip()


def test_raw_bytes_on_standard_input(program, expected):
    found = answered(program, data=X.tobytes())
    assert [one["class"] for one in found] == expected
    assert [one["label"] for one in found] == [NAMES[index] for index in expected]
    assert [one["sample"] for one in found] == [*range(6)]
    assert all(0 < one["confidence"] <= 1 for one in found)


def _names(program: Path) -> Path:
    path = program.parent / "names.txt"
    path.write_text("\n".join(NAMES))
    return path


def test_bytes_of_another_type_are_the_same_samples(program, expected):
    unsigned = (X.astype(np.int16) + 128).astype(np.uint8)
    real = ((X.astype(np.float32) + 128) / 128).astype("<f4")
    for kind, data in (("int8", X), ("uint8", unsigned), ("float32", real)):
        found = answered(program, "--dtype", kind, data=data.tobytes())
        assert [one["class"] for one in found] == expected
    assert refusal(program, "--dtype", "float64").startswith("--dtype must be one of int8, uint8")


def test_a_model_is_compiled_and_count_ends_it(expected, program):
    found = answered(MODEL, "--labels", _names(program), "--count", 2, data=X.tobytes())
    assert [one["class"] for one in found] == expected[:2]
    assert found[0]["label"] == NAMES[expected[0]]


def test_a_folder_of_samples_and_batches(program, expected, tmp_path):
    np.save(tmp_path / "a.npy", X[:2])
    np.savez(tmp_path / "b.npz", image=X[2:5])
    np.save(tmp_path / "c.npy", X[5])
    (tmp_path / "d.txt").write_text("no sample")
    found = answered(program, "--folder", tmp_path)
    assert [one["class"] for one in found] == expected
    names = ["a.npy[0]", "a.npy[1]", "b.npz[0]", "b.npz[1]", "b.npz[2]", "c.npy"]
    assert [one["source"] for one in found] == names


def test_what_a_folder_has_that_is_no_sample_is_named(program, tmp_path):
    assert "has no .npy or .npz files" in refusal(program, "--folder", tmp_path)
    assert "cannot be read" in refusal(program, "--folder", tmp_path / "nothing")
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.int8))
    assert "a.npy: digits_int8: input 'image' must be" in refusal(program, "--folder", tmp_path)
    (tmp_path / "a.npy").write_bytes(b"none")
    assert "a.npy: is not a whole .npy file" in refusal(program, "--folder", tmp_path)


def test_frames_of_a_camera_are_resized(program, expected):
    bright = (X[..., 0].astype(np.int16) + 128).astype(np.uint8)
    frames = bright.repeat(5, axis=1).repeat(3, axis=2)  # 24 wide, 40 high
    found = answered(program, "--size", "24x40x1", data=frames.tobytes())
    assert [one["class"] for one in found] == expected
    dark = (frames.astype(np.int16) - 128).astype(np.int8)
    found = answered(program, "--size", "24x40x1", "--dtype", "int8", data=dark.tobytes())
    assert [one["class"] for one in found] == expected


def test_sizes_that_are_none_are_refused(program, sound):
    for size in ("24x40", "0x4x1", "24x40x5", "9999999x1x1", "axbxc", "-1x4x1"):
        assert refusal(program, "--size", size).startswith("--size must be WIDTHxHEIGHTxCHANNELS")
    said = refusal(program, "--size", "24x40x3")
    what = (
        "--size must have the 1 channels that digits_int8 takes, not 3: have the camera give gray"
    )
    assert said == what
    assert "is for networks that take images" in refusal(sound, "--size", "24x40x1")


@pytest.mark.parametrize(("of", "to"), [(8, 8), (40, 8), (7, 3), (3, 8), (1, 5)])
def test_the_nearest_pixel_is_taken(of, to):
    middles = (np.arange(to) + 0.5) * of / to
    distance = np.abs(middles[:, None] - (np.arange(of) + 0.5))
    found = nearest(of, to)
    np.testing.assert_allclose(distance[np.arange(to), found], distance.min(axis=1))


def written(path: Path, values: np.ndarray, width: int, channels: int = 1) -> Path:
    """A WAV file of numbers from -1 to 1."""
    full = 2.0 ** (8 * width - 1)
    codes = np.clip(np.round(values * full), -full, full - 1).astype(np.int64)
    codes = codes.repeat(channels) + (128 if width == 1 else 0)
    raw = codes.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(16_000)
        file.writeframes(raw.tobytes())
    return path


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)])
def test_windows_of_a_wav_file(sound, tmp_path, width, channels):
    codes = np.random.default_rng(2).integers(-128, 128, 64 * 3 + 40)
    program = accel.open(sound)
    (given,) = program.inputs
    real = np.clip(given.scale * (codes - given.zero_point), -0.99, 0.99)
    path = written(tmp_path / "s.wav", real, width, channels)
    found = answered(sound, "--wav", path, "--hop", "40")
    starts = [*range(0, len(codes) - 64 + 1, 40)]
    assert [one["source"] for one in found] == [f"{start / 16_000:.3f} s" for start in starts]
    assert len(answered(sound, "--wav", path)) == 3
    if width == 1:
        return  # whose own steps are coarser than the input's
    exact = np.clip(np.rint(np.float32(real) / np.float32(given.scale)), -128, 127)
    windows = [exact[start : start + 64] + given.zero_point for start in starts]
    x = np.clip(np.stack(windows), -128, 127).astype(np.int8)
    assert [one["class"] for one in found] == program.run(x).output.argmax(axis=1).tolist()


def test_sound_that_cannot_be_taken_is_refused_by_name(program, sound, tmp_path):
    path = written(tmp_path / "s.wav", np.zeros(63), 2)
    said = refusal(program, "--wav", path)
    assert said.startswith(
        "--wav is for networks that take raw audio; input 'image' of digits_int8 has shape [8, 8, "
    )
    said = refusal(sound, "--wav", path)
    assert "s.wav: has 63 samples, fewer than one window: " in said
    assert said.endswith(" takes 64")
    data = path.read_bytes()
    for cut in (0, 10, 30, 43):
        path.write_bytes(data[:cut])
        assert "s.wav: is no whole WAV file of PCM samples" in refusal(sound, "--wav", path)
    path.write_bytes(data[:20] + b"\x03\0" + data[22:])  # float samples
    assert "s.wav: is no whole WAV file of PCM samples" in refusal(sound, "--wav", path)
    assert "cannot be read" in refusal(sound, "--wav", tmp_path / "nothing.wav")


def test_sources_are_one_and_their_options_theirs(program, tmp_path):
    said = refusal(program, "--folder", tmp_path, "--size", "8x8x1")
    assert said == "--folder and --size are different sources of samples; leave one"
    assert refusal(program, "--hop", "3") == "--hop is for --wav FILE"
    said = refusal(program, "--folder", tmp_path, "--dtype", "int8")
    assert said == "--dtype is for standard input, not --folder"
    assert "reference needs the network" in refusal(program, "-e", "reference", data=X.tobytes())


def test_the_summary_says_where_the_time_went_and_what_is_simulated(program):
    code, lines, said = live(program, data=X.tobytes() + b"half")
    assert code == 0
    found = lines[-1]["summary"]
    cycles = accel.open(program).report().cycles
    assert found["core_ms"] == pytest.approx(cycles / found["clock_mhz"] / 1e3, abs=1e-6)
    assert (found["executor"], found["link_ms"]) == ("machine", None)
    assert not found["cycles_measured"]
    assert found["throughput"] == pytest.approx(6 / found["seconds"], rel=1e-3)
    assert found["seconds"] * 1e3 >= 6 * (found["reading_ms"] + found["host_ms"]) * 0.99
    assert "standard input ended within a sample: 4 of 64 bytes" in said
    assert "6 samples in " in said
    assert "machine on this computer" in said
    assert "by the cycle model; its link comes on top" in said


def test_nothing_is_answered_where_nothing_comes(program):
    code, lines, said = live(program)
    assert (code, len(lines)) == (0, 1)
    assert "0 samples: nothing came" in said


def test_a_file_gets_the_lines_when_all_is_done(program, tmp_path, expected):
    words = ["live", str(program), "--json", str(tmp_path / "l.json")]
    result = CliRunner().invoke(app, words, input=X.tobytes())
    assert result.exit_code == 0
    lines = [json.loads(line) for line in (tmp_path / "l.json").read_text().splitlines()]
    assert [one["class"] for one in lines[:-1]] == expected
    assert f"     0  {NAMES[expected[0]]}" in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupt_ends_it_with_the_summary(program):
    command = [sys.executable, "-m", "accel", "live", str(program), "--json", "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(X[:2].tobytes())
    process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors  # as every command that is interrupted
    assert [json.loads(line)["sample"] for line in lines] == [0, 1]
    assert json.loads(rest)["summary"]["samples"] == 2
    assert b"2 samples in " in errors
    assert b"Traceback" not in errors


def test_a_terminal_is_no_stream_of_samples(program, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    from accel.cli.options.sources import SourceOptions
    from accel.cli.options.values import BadOption

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(BadOption, match=r"^Standard input is a terminal: send samples there"):
        SourceOptions().check()
