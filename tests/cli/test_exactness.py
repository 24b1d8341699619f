"""Every report names the contract, and what is not exact."""

import json

import numpy as np
import pytest

from tests.cli.conftest import MODEL
from tests.support.networks.inexact_channel import around_every_step, network
from tests.support.networks.onnx.low_bit import at_a_threshold, layer

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


def test_networks_of_few_bits_name_their_oracle_and_what_it_leaves_open(accel, tmp_path):
    n = at_a_threshold()
    n.weights("v", (1, 4))
    n.quant("vq", 3, 0.3, source="v")
    n.bipolar("b", 0.3)
    n.add("MatMul", "y", "vq")
    path = tmp_path / "few.onnx"
    path.write_bytes(n.bytes())
    code, output, _ = accel("check", path, "--board", "icebreaker")
    assert code == 0
    said = " ".join(output.split())
    assert (
        "contract qonnx (qonnx's execution of QONNX and QCDQ): every channel proved exact" in said
    )
    assert (
        "at 1 of 10 sums the order of the oracle's float32 additions could decide; proved equal"
        in said
    )
    assert "last bits of its float32 numbers may differ" in said


def test_what_networks_of_few_bits_cannot_have_is_said_of_the_operator(accel, tmp_path):
    path = tmp_path / "few.onnx"
    path.write_bytes(layer(activations=12).bytes())
    code, output, errors = accel("check", path)
    assert code == 2
    said = " ".join(errors.split())
    assert "operator 4 (qonnx.custom_op.general.Quant): has 12 bits" in said
    assert "quantize to 1 to 8 bits" in said
    assert "not in this form" in output
