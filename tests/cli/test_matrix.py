"""``accel check`` of any network on any board: it runs, or all that stands in the way is said."""

import json

import pytest

from accel import boards
from accel.cli.tables.matrix import answers
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import LONGEST, CannotCompile
from accel.compiler.operators.softmax import Softmax
from accel.compiler.reports.blockers import blockers
from accel.config import AcceleratorConfig
from accel.target import resources
from tests.compiler.frontends.tflite import test_reader as tflite
from tests.support.in_turn import in_turn
from tests.support.networks.small import Chain
from tests.support.networks.tflite.operators import per_tensor
from tests.support.shared import DATA

from .conftest import MODEL

OF_EACH_SIZE = ("tinyfpga_bx", "icebreaker", "ulx3s_25f", "ulx3s_85f")
NETWORKS = sorted(DATA.glob("models/**/*.tflite")) + sorted(DATA.glob("models/**/*.onnx"))
FLOAT = ("ic01_pretrainedResnet_float.onnx", "mnist-8.onnx")


def _id(choice):
    return choice if isinstance(choice, str) else f"{choice.parent.name}/{choice.stem}"


def test_files_by_boards(accel, tmp_path):
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(tflite.edited(tflite.unknown_operators))
    code, output, errors = accel("check", MODEL, bad, "--json", tmp_path / "m.json")
    assert code == 2, errors  # since one of them runs nowhere
    found = json.loads((tmp_path / "m.json").read_text())
    assert [(a["model"], a["board"]) for a in found] == [
        (str(model), board) for model in (MODEL, bad) for board in boards.BOARDS
    ]
    of_bad = [a for a in found if a["model"] == str(bad)]
    assert not any(a["runs"] for a in of_bad)
    assert {len(a["reasons"]) for a in of_bad} == {2}
    assert "bad.tflite does not run on any board:\n  operator 0 (CONV_3D): is not" in output
    assert output.count("2 reasons") == len(boards.BOARDS)
    runs = {a["board"]: a for a in found if a["runs"]}
    assert runs["icebreaker"]["cycles"] == 7670
    assert runs["icebreaker"]["milliseconds"] == pytest.approx(
        7670 / (boards.get("icebreaker").clock.made_mhz * 1e3), rel=1e-3
    )
    assert all(name in output for name in boards.BOARDS)


def test_a_board_and_options_for_all_files(accel, tmp_path):
    options = ("--board", "icebreaker", "--rows", "8", "--json", tmp_path / "m.json")
    code, _, _ = accel("check", MODEL, *options)
    (answer,) = json.loads((tmp_path / "m.json").read_text())
    assert (code, answer["runs"], answer["cycles"]) == (2, False, None)
    assert answer["reasons"][0].startswith("the 8x4 core needs 16 DSP")


def test_operators_and_memory_are_said_together():
    """A function that only the driver has inside of a network whose images are too large as
    well; of a single row, so that they are not cut into bands of rows."""
    chain = Chain((1, 1, 1600, 4)).convolution(channels=4)
    chain.add("softmax", Softmax(), (1, 1, 1600, 4), q=per_tensor(1 / 256, -128))
    graph = chain.convolution(channels=4).graph().replace(host=False)
    config = AcceleratorConfig(bank_words=1024)
    with pytest.raises(CannotCompile) as caught:
        compile_graph(graph, config)
    found = [str(reason) for reason in blockers(caught.value, graph, config)]
    assert any("only by the driver between two runs" in reason for reason in found)
    assert "memory: inputs and output of " in found[-1]
    assert found[-1].endswith("alone take 12.5 KiB of the 2 x 4 KiB")


@pytest.mark.parametrize(("path", "name"), in_turn(NETWORKS, OF_EACH_SIZE), ids=_id)
def test_every_network_runs_on_a_board_or_has_all_reasons(path, name):
    """Boards of all sizes in turn; `tests.campaigns.baseline` compiles each for each."""
    found = answers(
        path, [(boards.get(name), resources.configure(boards.get(name)))], None, fuse=True
    )
    assert [answer.board for answer in found] == [name]
    for answer in found:
        assert answer.runs == (not answer.reasons) == (answer.cycles is not None)
        for reason in answer.reasons:
            what, _, remedy = reason.partition("; ")
            assert what, reason
            assert remedy or answer.remedy or answer.of_size, reason
            assert len(reason) <= 2 * LONGEST
            needs_number = what.startswith("memory: ") or " takes " in what
            assert not needs_number or any(c.isdigit() for c in what)
        assert len(set(answer.reasons)) == len(answer.reasons)
        assert bool(answer.remedy) == answer.of_size
    if path.name in FLOAT:
        assert {answer.reasons for answer in found} == {
            ("is a float32 model; quantize it with `accel quantize`",)
        }
