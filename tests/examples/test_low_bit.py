"""The networks of few bits are what their README says they are, and can be made again."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accel as project
from tests.cli.conftest import accel  # noqa: F401 -- a fixture
from tests.support.oracles.qonnx import qonnx

FOLDER = Path(__file__).resolve().parents[2] / "examples/low_bit"
README = (FOLDER / "README.md").read_text()
NETWORKS = ("tfc_w1a1", "tfc_w1a2", "tfc_w2a2", "cnv_w2a2")
ASKED = 20  # of the oracle, which takes long


def images(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(FOLDER / "test_images.npz") as archive:
        x, y = archive["x"], archive["y"]
    return (x[:, np.newaxis] if name.startswith("cnv") else x.reshape(len(x), -1)), y


@pytest.mark.parametrize("name", NETWORKS)
def test_accuracy_and_cycles_are_the_readmes(name):
    x, y = images(name)
    assert len(x) == 360
    result = project.compile(FOLDER / f"{name}.onnx", board="icebreaker").run(x)
    right = 100 * (result.output.argmax(axis=1) == y).mean()
    (row,) = (line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
    assert row.endswith(f"| {right:.2f} % | {result.report.cycles:,} |")
    theirs = qonnx((FOLDER / f"{name}.onnx").read_bytes(), x[:ASKED])
    np.testing.assert_array_equal(result.output[:ASKED], theirs["layer3_normal"])


def test_the_readmes_commands_run(accel, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    for path in (*FOLDER.glob("*.onnx"), *FOLDER.glob("*.npz")):
        (tmp_path / path.name).symlink_to(path)
    ran = 0
    for line in re.findall(r"^    (.*)$", README, re.MULTILINE):
        words = shlex.split(line)
        if words[0] == "accel" and "rtl" not in words:
            code, output, errors = accel(*words[1:])
            assert code == 0, output + errors
            ran += 1
        elif words[:2] == ["python", "-c"]:
            subprocess.run([sys.executable, *words[1:]], check=True)
    assert ran == 2
    assert np.load("y.npy").shape == (360, 10)


def test_training_makes_the_files(tmp_path):
    command = [sys.executable, FOLDER / "train.py", "--epochs", "1", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == list(NETWORKS)
    made = np.load(tmp_path / "test_images.npz")
    kept = np.load(FOLDER / "test_images.npz")
    for key in ("x", "y"):
        np.testing.assert_array_equal(made[key], kept[key])
    for name in NETWORKS:
        x, y = images(name)
        output = project.compile(tmp_path / f"{name}.onnx", board="icebreaker").run(x).output
        told = re.search(rf"^{name}: ([\d.]+)", done.stdout, re.MULTILINE)[1]
        assert f"{(output.argmax(axis=1) == y).mean():.4f}" == told
