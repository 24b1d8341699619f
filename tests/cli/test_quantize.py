"""`accel quantize` makes a network that runs, says what it cost, and leaves nothing
half-written."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import accel as project
from accel.compiler.frontends import FRONTENDS
from accel.quantization import measure, runtime, saturation
from accel.quantization.saturation import saturates
from tests.support.networks.onnx.floating import CLASSES, calibration, small
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime

from .conftest import MODEL


@pytest.fixture
def files(tmp_path):
    """A folder with a float network, samples, and labels that are what it answers."""
    m = small()
    (tmp_path / "net.onnx").write_bytes(m.bytes())
    x = calibration(40)
    (answers,) = onnx_runtime(m.bytes(), {"x": x})
    np.savez(tmp_path / "x.npz", x=x[:24])
    np.savez(tmp_path / "t.npz", x=x, y=answers.argmax(axis=1))
    return tmp_path


@pytest.fixture
def command(files):
    """The arguments of a run that ends well, without its test set."""
    return ["quantize", files / "net.onnx", "-c", files / "x.npz", "-o", files / "int8.onnx"]


@pytest.fixture
def left_alone(files):
    """Return a function that asserts that no file came or went since."""
    before = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}

    def check(*but: str) -> None:
        now = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
        assert {name: now.get(name) for name in before} == before
        assert set(now) - set(before) == set(but)

    return check


def test_the_report_is_what_the_runtime_and_the_machine_answer(accel, command, files):
    options = ("-t", files / "t.npz", "--json", files / "report.json", "-b", "icebreaker")
    code, output, errors = accel(*command, *options)
    assert code == 0, output + errors
    report = json.loads((files / "report.json").read_text())
    data = (files / "int8.onnx").read_bytes()
    with np.load(files / "t.npz") as archive:
        x, y = archive["x"], archive["y"]
    theirs = np.concatenate([onnx_runtime(data, {"x": sample[None]})[0] for sample in x])
    ours = project.compile(files / "int8.onnx", board="icebreaker").run(x).output
    np.testing.assert_array_equal(ours, theirs)
    test = report["test"]
    right = float((ours.argmax(axis=1) == y).mean())
    assert test["accuracy"] == {"float32": 1.0, "int8_onnxruntime": right, "int8_accel": right}
    assert test["same_class_as_float32"]["int8_accel"] == right
    (wanted,) = onnx_runtime(small().bytes(), {"x": x})
    distance = np.sqrt(((ours - wanted) ** 2).mean() / (wanted**2).mean())
    np.testing.assert_allclose(test["distance_from_float32"]["int8_accel"], distance, rtol=1e-4)
    assert 0 < distance < 0.1
    assert test["elements_differing_from_onnxruntime"] == 0
    assert (test["samples"], test["elements"], test["executor"]) == (40, 40 * CLASSES, "machine")
    sizes = {"float32": (files / "net.onnx").stat().st_size, "int8": len(data)}
    assert report["bytes"] == sizes
    assert report["calibration"] == {"file": "x.npz", "samples": 24}
    board = report["boards"][0]
    assert (board["board"], board["runs"], board["reasons"]) == ("icebreaker", True, [])
    assert board["cycles"] == project.compile(files / "int8.onnx").report().cycles
    assert {tool["name"] for tool in report["tools"]} == {"onnxruntime", "onnx", "numpy"}
    assert f"{100 * right:.2f} %" in output
    assert "0 of 200 elements differ, 0 classes" in output
    assert "QLinearConv" in output  # the operators, as `accel check` shows them
    assert f"Wrote {files / 'int8.onnx'}: {len(data):,} bytes, qop" in output


@pytest.mark.parametrize(("saturating", "differing"), [(True, 3), (True, 0), (False, 3)])
def test_where_the_runtime_saturates_a_note_says_whose_answers_differ(
    saturating, differing, accel, command, files, monkeypatch
):
    found = measure.measure

    def measured(*arguments):
        return replace(found(*arguments), differing=differing)

    monkeypatch.setattr(measure, "measure", measured)
    monkeypatch.setattr(saturation, "saturates", lambda: saturating)
    code, output, errors = accel(*command, "-b", "icebreaker", "--json", files / "report.json")
    assert code == 0, errors
    noted = saturation.NOTE in " ".join(output.split())
    assert noted == (saturating and differing > 0)
    report = json.loads((files / "report.json").read_text())
    assert report["test"]["onnxruntime_may_saturate"] == saturating


@pytest.mark.parametrize(
    ("weights", "most", "format"), [("int4", 7, "int8_int4"), ("ternary", 1, "int8_ternary")]
)
def test_narrow_weights_run_on_a_core_for_them(accel, command, files, weights, most, format):
    options = ("-t", files / "t.npz", "--json", files / "report.json", "--weights", weights)
    code, output, errors = accel(*command, *options)
    assert code == 0, output + errors
    report = json.loads((files / "report.json").read_text())
    assert (
        report["weights"] == {"int4": "s4 per channel", "ternary": "ternary per channel"}[weights]
    )
    assert report["test"]["elements_differing_from_onnxruntime"] == 0
    assert report["test"]["accuracy"]["float32"] == 1.0
    config = project.configuration("icebreaker", format=format)
    program = project.compile(files / "int8.onnx", config=config)
    linear = [n.inputs[1] for n in program.code.source if len(n.inputs) == 3]
    assert [int(np.abs(program.code.source.tensor(n).data).max()) for n in linear] == [most] * 2


def test_without_labels_or_board_what_can_be_said_is_said(accel, command, left_alone):
    code, output, _ = accel(*command)
    assert code == 0
    assert "24 samples of x.npz, which it was calibrated with" in output
    assert "no accuracy without labels" in output
    rows = [line for line in output.splitlines() if line[:1] == "│"]
    for board in ("icebreaker", "ulx3s_85f"):
        assert any(f" {board} " in row and " yes " in row for row in rows)
    left_alone("int8.onnx")


def test_labels_of_a_file_of_their_own(accel, command, files):
    np.save(files / "y.npy", np.zeros(24, int))
    options = ("--labels", files / "y.npy", "--json", files / "report.json")
    assert accel(*command, *options)[0] == 0
    with np.load(files / "x.npz") as archive:
        (answers,) = onnx_runtime(small().bytes(), {"x": archive["x"]})
    accuracy = json.loads((files / "report.json").read_text())["test"]["accuracy"]
    assert accuracy["float32"] == (answers.argmax(axis=1) == 0).mean()


@pytest.mark.skipif(saturates(), reason="ONNX Runtime's sums saturate on this processor")
def test_what_fits_no_board_is_written_with_the_reasons(accel, command, files):
    m = Model((4, 2, 2), np.float32, np.random.default_rng(0), np.float32)
    m.add("Flatten", ["x"], ["f"])
    m.constant("w", m.random.normal(size=(40_000, 16)), np.float32)
    m.add("Gemm", ["f", "w"], ["y"], transB=1)
    (files / "net.onnx").write_bytes(m.bytes())
    np.savez(files / "x.npz", x=m.inputs(8))
    options = ("-b", "icebreaker", "-b", "ulx3s_25f", "--json", files / "report.json")
    code, output, errors = accel(*command, *options)
    assert code == 2, errors
    assert "int8.onnx does not run on " in output
    assert "int8, accel (reference)" in output
    assert "0 of 320,000 elements differ" in output
    boards = json.loads((files / "report.json").read_text())["boards"]
    assert all(not board["runs"] and board["reasons"] for board in boards)
    lines = [line for board in boards for line in board["remedy"]]
    assert any("configuration" in line or line.startswith("accel ") for line in lines), lines
    assert (files / "int8.onnx").exists()


def test_nothing_but_our_own_lines_reaches_the_terminal(command, files):
    """ONNX Runtime writes to the process's streams, so it is run in one of its own."""
    command = [sys.executable, "-m", "accel", *map(str, command), "--method", "entropy"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "calibrating with 24 samples ...",
        "fitting scales ...",
        "checking boards ...",
        *("float32, onnxruntime", "int8, onnxruntime", "int8, accel"),
    ]
    for word in ("WARN", "[W:", "Collecting", "Number of"):
        assert word not in done.stdout


def test_onnxruntime_is_imported_by_this_command_alone():
    code = (
        "import sys, accel.cli, accel.quantization.quantizer, accel.quantization.preparation\n"
        f"import accel; accel.compile({str(MODEL)!r})\n"
        "assert not [name for name in sys.modules if name.startswith('onnxruntime')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# What goes wrong.


def test_a_missing_runtime_is_told_with_its_remedy(refused, command, left_alone, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    said = refused(*command, code=1)
    assert said.startswith("accel quantize: the Python package onnxruntime cannot be imported")
    assert f'install it with: {sys.executable} -m pip install "onnxruntime>=1.20"' in said
    left_alone()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--method", "mean", "--method must be one of minmax, entropy, percentile, not 'mean'"),
        ("--form", "qlinear", "--form must be one of qop, qdq, not 'qlinear'"),
        ("--activations", "s16", "--activations must be one of u8, s8, not 's16'"),
        ("--board", "icebraker", "did you mean 'icebreaker'?"),
        ("--json", "none/report.json", "does not exist; choose another place"),
        ("--calibration", "none.npz", "none.npz: cannot be read: No such file or directory"),
        ("--test", "none.npz", "none.npz: cannot be read: No such file or directory"),
        ("--labels", "none.npy", "none.npy: cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_option(option, value, message, refused, command, files, left_alone):
    if option == "--calibration":  # which is there already, and may be given only once
        command = [value if word == files / "x.npz" else word for word in command]
        option, value = "--method", "minmax"
    assert message in refused(*command, option, value)
    left_alone()


def test_the_float_network_is_never_overwritten(refused, command, files, left_alone):
    said = refused(*command[:-1], files / "net.onnx")
    assert said.startswith("--output must be another file than MODEL, not ")
    left_alone()


def test_labels_beyond_the_classes(refused, command, files, left_alone):
    np.save(files.parent / "labels.npy", np.full(24, CLASSES))
    said = refused(*command, "--labels", files.parent / "labels.npy")
    assert f"x.npz: has labels up to {CLASSES}, and the network {CLASSES} classes" in said
    left_alone()


def dynamic(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def unsupported(proto: onnx.ModelProto) -> None:
    proto.graph.node[2].op_type = "LRN"
    proto.graph.node[2].attribute.append(onnx.helper.make_attribute("size", 3))


def outside(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


def custom(proto: onnx.ModelProto) -> None:
    proto.graph.node[2].domain = "example.of.others"
    proto.opset_import.add(domain="example.of.others", version=1)


EDITS = {
    dynamic: "input 'x': has no fixed size in dimension 2 (height)",
    unsupported: "operator 'r' (LRN): is not supported; `accel check --operators` lists",
    outside: "has its data in '../secret', which is outside of the model's folder",
    custom: "is refused by onnxruntime (example.of.others:Relu(-1) is not a registered "
    "function/op)",
}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_a_network_that_cannot_be_quantized(edit, refused, command, files):
    proto = small().proto()
    edit(proto)
    (files / "net.onnx").write_bytes(proto.SerializeToString())
    assert EDITS[edit] in refused(*command)
    assert sorted(os.listdir(files)) == ["net.onnx", "t.npz", "x.npz"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; download or export it again"),
        (b"GIF89a" * 30, "is not an ONNX file; export the float network to ONNX"),
        (MODEL.read_bytes(), "is a TensorFlow Lite file; export the float network to ONNX"),
    ],
    ids=["empty", "no model", "TFLite"],
)
def test_other_files(data, message, refused, command, files):
    (files / "net.onnx").write_bytes(data)
    assert f"net.onnx: {message}" in refused(*command)


def test_what_it_made_is_not_quantized_again(accel, refused, command, files):
    assert accel(*command)[0] == 0
    again = ["quantize", files / "int8.onnx", *command[2:-1], files / "again.onnx"]
    assert "the model is quantized already" in refused(*again)
    assert not (files / "again.onnx").exists()


def test_a_quantizer_that_fails_leaves_nothing(refused, command, left_alone, monkeypatch):
    from onnxruntime import quantization

    def fail(*_, **__):
        raise ValueError("Quantization parameters are not specified for param z.\nIn detail: ...")

    monkeypatch.setattr(quantization, "quantize_static", fail)
    said = refused(*command)
    assert "is refused by onnxruntime (Quantization parameters are not specified for param z.)" in (
        said
    )
    left_alone()


def test_a_result_that_cannot_be_read_is_not_written(refused, command, left_alone, monkeypatch):
    from accel.compiler.diagnostics import Reason

    def refuse(data, name):
        raise runtime.UnsupportedModel(name, [Reason(place="conv", what="is odd")])

    front_end = FRONTENDS["onnx"]
    monkeypatch.setattr(type(front_end), "__setattr__", object.__setattr__)
    monkeypatch.setattr(front_end, "read", refuse)
    assert refused(*command).endswith("net.onnx, quantized: conv: is odd")
    left_alone()


def test_a_run_that_is_stopped_leaves_nothing(refused, command, left_alone, monkeypatch):
    from onnxruntime import quantization

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(quantization, "quantize_static", stop)
    assert refused(*command, code=130) == "stopped; no file was left half-written"
    left_alone()
