"""Every report names the contract, and what is not exact."""

import json

import numpy as np
import pytest

from tests.cli.conftest import MODEL
from tests.inexact import around_every_step, network

SIZE = ("--set", "sum_bits=26", "--board", "icebreaker")
NAMED = "fully_connected_0: channel 0 is not exact: "


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "steps.onnx"
    path.write_bytes(network().bytes())
    return path


@pytest.mark.parametrize("contract", ["tflm", "single"])
def test_check_compile_and_run_name_the_contract(accel, digits, tmp_path, contract):
    said = f"contract {contract} ("
    options = ("--contract", contract)
    assert said in accel("check", MODEL, "-b", "icebreaker", *options)[1]
    assert said in accel("compile", MODEL, "-o", tmp_path / "program", *options)[1]
    report = tmp_path / "report.json"
    answer = ("-i", digits, "-o", tmp_path / "y.npy", "--json", report)
    assert said in accel("run", MODEL, *answer, *options)[1]
    assert f"contract {contract}" in (tmp_path / "program" / "listing.txt").read_text()
    for path in (report, tmp_path / "program" / "layers.json"):
        assert json.loads(path.read_text())["contract"] == contract


def test_check_compile_and_run_name_channels_that_are_not_exact(accel, model, tmp_path):
    code, output, _ = accel("check", model, *SIZE)
    assert code == 0 and NAMED in output
    assert "contract onnx (ONNX Runtime's operators on integers): all but 1 channels" in output
    code, output, _ = accel("compile", model, *SIZE, "-o", tmp_path / "program")
    assert code == 0 and NAMED in output
    np.save(tmp_path / "x.npy", around_every_step())
    report = tmp_path / "report.json"
    answer = ("-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--json", report)
    code, output, _ = accel("run", model, *SIZE, *answer)
    (named,) = json.loads(report.read_text())["inexact"]
    assert code == 0 and NAMED in output
    assert named["rate"] == named["differing_elements"] / named["elements"] > 0
    measured = f"measured: {named['differing_elements']} of {named['elements']:,} elements differ"
    assert measured in output


def test_they_can_be_refused(accel, refused, model, tmp_path):
    code, output, _ = accel("check", model, *SIZE, "--exact")
    assert code == 2 and "output channels [0] cannot be requantized exactly" in output
    message = refused("compile", model, *SIZE, "--exact", "-o", tmp_path / "program")
    assert "output channels [0] cannot be requantized exactly" in message
