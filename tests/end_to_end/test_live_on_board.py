"""``accel live`` and ``accel run`` of a program file, on a board behind a pseudo-terminal."""

import json
import os

import numpy as np
import pytest
from typer.testing import CliRunner

import accel
from accel.cli import app
from tests.support.networks.small import images, two_convolutions

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from tests.support.host.serial_board import BAUD, SimulatedBoard

CONFIG = accel.AcceleratorConfig()


@pytest.mark.xdist_group("serial")
def test_samples_are_answered_by_a_board_that_is_loaded_once(tmp_path):
    program, x = accel.compile(two_convolutions(), config=CONFIG), images(3)
    program.save(tmp_path / "program.bin")
    folder = tmp_path / "samples"
    folder.mkdir()
    np.save(folder / "x.npy", x)
    board = SimulatedBoard(CONFIG)
    try:
        to_it = ["-e", "board", "--port", board.port, "--baud", str(BAUD), "-b", "icebreaker"]
        words = ["live", str(tmp_path / "program.bin"), "--folder", str(folder), "--json", "-"]
        result = CliRunner().invoke(app, [*words, *to_it])
        assert result.exit_code == 0, result.output
        *lines, summary = map(json.loads, result.stdout.splitlines())
        assert [line["cycles"] for line in lines] == [program.report().cycles] * len(x)
        for line in lines:
            assert line["core_ms"] + line["link_ms"] == pytest.approx(line["host_ms"], abs=1e-3)
        assert summary["summary"]["cycles_measured"]
        assert summary["summary"]["samples"] == len(x)
        assert "link and driver" in result.stderr

        with accel.open(tmp_path / "program.bin", board="icebreaker") as alone:
            samples = (one[None] for one in x)
            found = [a.output for a in alone.stream(samples, "board", port=board.port, baud=BAUD)]
        np.testing.assert_array_equal(np.concatenate(found), program.run(x).output)

        np.save(tmp_path / "x.npy", x[:1])
        files = ["-i", str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy")]
        result = CliRunner().invoke(app, ["run", str(tmp_path / "program.bin"), *files, *to_it])
        assert result.exit_code == 0, result.output
        np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), program.run(x[:1]).output)
    finally:
        board.unplug()
