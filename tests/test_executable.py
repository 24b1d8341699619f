"""What was opened from a program file answers as the program that was compiled."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings

import accel
from accel.boards import UnknownBoard
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.program import program_file
from accel.compiler.program.program_file import BadImage
from accel.compiler.program.stored_program import Figures
from accel.config import AcceleratorConfig
from accel.executors import NeedsModel, UnknownExecutor
from accel.sim.cycles.cycle_model import predict
from tests.support.networks.onnx import float_sums
from tests.support.networks.single_operators import SINGLE_OPERATOR_GRAPHS
from tests.support.networks.tflite.operators import networks

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DIGITS = EXAMPLES / "digits/digits_int8.tflite"
SMALL = AcceleratorConfig(bank_words=1024, flash_lanes=4)  # where a part is in flash
CASES = [
    *(("icebreaker", path) for path in sorted(EXAMPLES.glob("digits/*.tflite"))),
    *(("icebreaker", path) for path in sorted(EXAMPLES.glob("low_bit/*.onnx"))),
    ("ulx3s_85f", DIGITS),
    (SMALL, DIGITS),
    (AcceleratorConfig(format="int8_int4"), EXAMPLES / "digits/digits_int4.tflite"),
    (AcceleratorConfig(rows=2, columns=2), DIGITS),
]


def compiled(target, model) -> accel.Program:
    named = isinstance(target, str)
    return accel.compile(model, **({"board": target} if named else {"config": target}))


def drawn(program: accel.Executable, count: int = 4) -> dict[str, np.ndarray]:
    """Samples of any values for a program's inputs."""
    rng, found = np.random.default_rng(5), {}
    for one in program.inputs:
        shape = (count, *one.shape)
        real = rng.normal(0, 1, shape) if one.dtype == "float32" else rng.integers(-128, 128, shape)
        found[one.name] = real.astype(one.dtype)
    return found


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "program.bin"
    program = accel.compile(DIGITS, board="icebreaker")
    program.save(path, labels=[f"digit {n}" for n in range(10)])
    return program, path


@pytest.mark.parametrize(
    ("target", "model"), CASES, ids=lambda one: getattr(one, "name", None) or str(one)[:24]
)
def test_every_example_that_we_ship_answers_and_reports_alike(target, model, tmp_path):
    program = compiled(target, model)
    program.save(tmp_path / "program.bin")
    alone, x = accel.open(tmp_path / "program.bin"), drawn(program)
    here, there = program.run(x), alone.run(x)
    assert list(there.outputs) == list(here.outputs)
    for name, data in here.outputs.items():
        assert there.outputs[name].dtype == data.dtype
        np.testing.assert_array_equal(there.outputs[name], data)
    unknown = {"inexact": 0, "memory": None}  # to a program file
    assert there.report.as_dict() | unknown == here.report.as_dict() | unknown
    assert alone.cycles == program.cycles == predict(alone.code)
    assert alone.inputs == program.inputs and alone.outputs == program.outputs


def assert_alone_equals(program: accel.Program, path: Path) -> accel.Executable:
    """A program that was opened answers, and is saved, as the one that was compiled."""
    program.save(path)
    alone, x = accel.open(path), drawn(program, 2)
    expected = program.run(x).outputs
    for name, data in alone.run(x).outputs.items():
        assert data.dtype == expected[name].dtype
        np.testing.assert_array_equal(data, expected[name])
    before = path.read_bytes()
    alone.save(path)
    assert path.read_bytes() == before
    return alone


BY_DRIVER = ("softmax", "log_softmax", "arg_max", "quantize", "dequantize", "reshape", "transpose")


@pytest.mark.parametrize("operator", [*BY_DRIVER, "pad", "split", "gather", "concatenation"])
def test_the_driver_s_nodes_come_back(operator, tmp_path):
    @settings(max_examples=4)
    @given(SINGLE_OPERATOR_GRAPHS[operator])
    def check(graph):
        try:
            program = accel.compile(graph, config=AcceleratorConfig())
        except CannotCompile:
            assume(False)
        assert_alone_equals(program, tmp_path / "program.bin")

    check()


@settings(max_examples=12)
@given(networks())
def test_networks_of_many_operators_come_back(tmp_path_factory, graph):
    try:
        program = accel.compile(graph, config=AcceleratorConfig())
    except CannotCompile:
        assume(False)
    assert_alone_equals(program, tmp_path_factory.getbasetemp() / "program.bin")


@pytest.mark.parametrize("draw", [float_sums.convolution, float_sums.product])
def test_float_weights_of_the_driver_come_back(draw, tmp_path):
    model = draw(np.random.default_rng(3)).bytes()
    program = accel.compile(read(model, "sums.onnx"), config=AcceleratorConfig())
    assert_alone_equals(program, tmp_path / "program.bin")


def test_it_says_what_it_is(digits):
    program, path = digits
    alone = accel.open(path)
    assert repr(alone) == repr(program).replace("<Program", "<Executable")
    (given,), (answer,) = alone.inputs, alone.outputs
    assert (given.name, given.shape, given.dtype) == ("image", (8, 8, 1), "int8")
    assert (given.scale, given.zero_point) == (1 / 128, -128)
    assert (answer.shape, answer.scale, answer.zero_point) == ((10,), 1 / 256, -128)
    assert alone.labels == tuple(f"digit {n}" for n in range(10))
    assert (alone.board, alone.contract, alone.config) == ("icebreaker", "tflm", program.config)
    assert "cycles by the model" in repr(alone.report())


@pytest.mark.xdist_group("serial")  # whose core it is, too
def test_rtl_and_its_counters_are_those_of_the_compiled_program(tmp_path):
    program, path = compiled(AcceleratorConfig(), DIGITS), tmp_path / "program.bin"
    program.save(path)
    x = drawn(program, 2)
    with accel.open(path) as alone:
        result = alone.run(x, "rtl")
        streamed = list(alone.stream(({"image": one[None]} for one in x["image"]), "rtl"))
    expected = program.run(x)
    np.testing.assert_array_equal(result.output, expected.output)
    assert result.report.measured
    assert result.report.cycles == expected.report.cycles
    np.testing.assert_array_equal(np.concatenate([a.output for a in streamed]), expected.output)
    assert [a.cycles for a in streamed] == [expected.report.cycles] * 2
    assert all(answer.measured for answer in streamed)


def test_what_needs_the_model_is_told_with_the_command(digits):
    _, path = digits
    alone = accel.open(path)
    x = drawn(alone, 1)
    with pytest.raises(NeedsModel, match=r"`accel run MODEL .* --executor reference`"):
        alone.run(x, "reference")
    with pytest.raises(NeedsModel, match=r"`accel run MODEL .* --layers DIR`"):
        alone.run(x, layers=True)
    with pytest.raises(NeedsModel, match=r"executor reference needs the network itself"):
        alone.stream([x], "reference")
    with pytest.raises(NeedsModel, match=r"the compiled network needs the network itself"):
        _ = alone.compiled
    with pytest.raises(UnknownExecutor):
        alone.stream([x], "abacus")
    with pytest.raises(UnknownExecutor):
        alone.run(x, "abacus")


def test_a_stream_answers_as_samples_come(digits):
    program, path = digits
    x = drawn(program, 3)["image"]
    asked = []

    def samples():
        for number, one in enumerate(x):
            asked.append(number)
            yield one[None]

    answers = accel.open(path).stream(samples())
    assert asked == []
    expected = program.run(x).output
    for number, answer in enumerate(answers):
        assert asked == [*range(number + 1)]
        np.testing.assert_array_equal(answer.output, expected[number : number + 1])
        assert (answer.cycles, answer.measured) == (program.report().cycles, False)
        assert answer.seconds > 0


def test_a_board_that_is_not_known_here_is_asked_for_when_it_matters(digits, tmp_path):
    program, _ = digits
    figures = [Figures(**c.as_dict()) for c in program.cycles]
    path = tmp_path / "program.bin"
    program_file.save(program.code, path, figures, board="os:getcwd")
    alone = accel.open(path)
    assert alone.board == "os:getcwd"
    assert alone.run(drawn(alone, 1)).output.shape == (1, 10)
    with pytest.raises(UnknownBoard, match=r"was compiled for the board 'os:getcwd', .* --board"):
        alone.run(drawn(alone, 1), "board", port="/dev/nothing")
    assert accel.open(path, board="icebreaker").link_board.name == "icebreaker"


def test_what_runs_wrong_is_found_before_it_runs(digits, tmp_path):
    """The driver's nodes are tried on zeros: a file whose parts do not agree is refused."""
    _, good = digits
    path = tmp_path / "program.bin"
    image, text, binary = program_file.opened(good.read_bytes())
    description = json.loads(text)
    for tensor in description["network"]["tensors"]:
        if tensor["name"] == "probabilities":
            tensor["shape"] = [1, 2, 5]
    path.write_bytes(program_file.sealed(image, json.dumps(description).encode(), binary))
    with pytest.raises(BadImage, match=re.escape(str(path))):
        accel.open(path)
