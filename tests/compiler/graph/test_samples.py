"""Tensors that begin with another dimension than a batch of 1, and batches that a file fixes.

Answers and their shapes are the oracle's; what cannot run names the operator that mixes samples.
"""

import numpy as np
import pytest

import accel
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read as read_onnx
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import InvalidInput, in_file_shape, run
from accel.errors import UserError
from tests.support.networks.onnx.drawn_shapes import Walk as OnnxWalk
from tests.support.networks.tflite.drawn_shapes import Walk
from tests.support.networks.tflite.files import File
from tests.support.oracles.onnx import session
from tests.support.oracles.tflm import Interpreter

BOARD = "ulx3s_85f"
# What has nothing to do with the first dimension and is refused of networks of batch 1, too.
ELSEWHERE = ("channels that become positions", "copies, more than", "a stride of")
# Ties of float32, and what works along a batch that the file leaves open.
OF_ONNX = ("cannot be requantized", "whose size the file leaves open")


def tflm(data: bytes, x: np.ndarray, batch: int) -> np.ndarray:
    """TFLite Micro's answers to a batch at a time, along the first dimension that they have."""
    interpreter, found = Interpreter.from_bytes(data, arena_size=2**22), []
    for start in range(0, len(x), batch):
        interpreter.set_input(x[start : start + batch], 0)
        interpreter.invoke()
        found.append(np.array(interpreter.get_output(0)))
    return np.concatenate(found) if found[0].ndim else np.stack(found)


def assert_as_tflm(walk: Walk) -> bool:
    """Hold a network to TFLite Micro; whether it could be compiled."""
    data, x = walk.bytes(), walk.samples()
    expected = tflm(data, x, walk.batch)
    graph = read(data, "m.tflite")
    output = graph.outputs[0]
    np.testing.assert_array_equal(in_file_shape(graph, output, run(graph, x)[output]), expected)
    try:
        program = accel.compile(graph, board=BOARD)
    except UserError as error:
        assert any(text in str(error) for text in ELSEWHERE), str(error)
        return False
    answer = program.run(x, jobs=1).output
    assert answer.shape == expected.shape
    np.testing.assert_array_equal(answer, expected)
    return True


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_any_first_dimension_and_any_batch_is_as_in_tflite_micro(batch):
    walks = [Walk(seed, batch) for seed in range(1000 * batch, 1000 * batch + 24)]
    ran = [assert_as_tflm(walk) for walk in walks if walk.operators]
    assert sum(ran) >= 0.8 * len(ran)


def onnx_answers(data: bytes, x: np.ndarray, batch: int) -> list[np.ndarray]:
    """ONNX Runtime's answers at both of its levels, of a batch at a time."""
    found = []
    for level in ("NONE", "ALL"):
        running = session(data, level)
        runs = [
            running.run(None, {"x0": x[start : start + batch]})[0]
            for start in range(0, len(x), batch)
        ]
        found.append(np.concatenate(runs) if runs[0].ndim else np.stack(runs))
    return found


def assert_as_onnx_runtime(walk: OnnxWalk) -> bool:
    """Hold a network to ONNX Runtime, but for a code at 2 % of the elements; whether it ran."""
    data, x = walk.bytes(), walk.samples()
    try:
        graph = read_onnx(data, "m.onnx")
        program = accel.compile(graph, board=BOARD)
    except UserError as error:
        assert any(text in str(error) for text in (*ELSEWHERE, *OF_ONNX)), str(error)
        return False
    answer = program.run(x, jobs=1).output
    reference = run(graph, x)[graph.outputs[0]]
    np.testing.assert_array_equal(answer, in_file_shape(graph, graph.outputs[0], reference))
    beside = []
    for expected in onnx_answers(data, x, walk.batch):
        assert answer.shape == expected.shape
        steps = np.abs(answer - expected) / walk.q[0]
        beside.append((steps > 1e-3).sum() if steps.max(initial=0) < 1.001 else steps.size)
    assert min(beside) <= 0.02 * answer.size + 1
    return True


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_any_first_dimension_and_any_batch_is_as_in_onnx_runtime(batch):
    first = 1000 * (batch or 0)
    walks = [OnnxWalk(seed, batch) for seed in range(first, first + 20)]
    ran = [assert_as_onnx_runtime(walk) for walk in walks if walk.operators]
    assert sum(ran) >= 0.7 * len(ran)


def dense(f: File, x: int, rows: int, depth: int, count: int) -> int:
    rng = np.random.default_rng(depth)
    weights = rng.integers(-127, 128, (count, depth)).astype(np.int8)
    inputs = [x, f.tensor((count, depth), "int8", 0.01, 0, weights), -1]
    output = f.tensor((rows, count), "int8", 0.05, 3)
    return f.operator("FULLY_CONNECTED", inputs, [output], "FullyConnectedOptions")


def rows_of_a_sequence(rows: int = 9, depth: int = 4) -> bytes:
    """A dense layer on rows of what has a batch of 1: its output begins with the rows."""
    f = File()
    x = f.input((1, rows, depth), "int8", 0.02, 3)
    r = f.operator("RESHAPE", [x], [f.tensor((rows, depth), "int8", 0.02, 3)])
    return f.ends(dense(f, r, rows, depth, 5)).bytes()


def test_an_output_without_a_batch_keeps_its_shape():
    graph = read(rows_of_a_sequence(), "m.tflite")
    x = np.random.default_rng(0).integers(-128, 128, (3, 9, 4)).astype(np.int8)
    result = accel.compile(graph, board=BOARD).run(x)
    assert result.output.shape == (27, 5)
    assert graph.tensor(graph.outputs[0]).shape == (1, 9, 5)
    assert graph.unbatched == {graph.outputs[0]}


def test_an_input_without_a_batch_takes_samples_one_after_the_other():
    f = File()
    x = f.input((9, 4), "int8", 0.02, 3)
    r = f.operator("RESHAPE", [x], [f.tensor((1, 36), "int8", 0.02, 3)])
    data = f.ends(dense(f, r, 1, 36, 5)).bytes()
    codes = np.random.default_rng(0).integers(-128, 128, (18, 4)).astype(np.int8)
    program = accel.compile(read(data, "m.tflite"), board=BOARD)
    answer = program.run(codes).output
    np.testing.assert_array_equal(answer, tflm(data, codes, 9))
    np.testing.assert_array_equal(answer, program.run(codes.reshape(2, 9, 4)).output)
    with pytest.raises(InvalidInput, match=r"must be int8 \[N \* 9, 4\], not int8 \[17, 4\]"):
        program.run(codes[:17])


def test_a_fixed_batch_runs_row_by_row_and_is_in_the_report():
    f = File()
    data = f.ends(dense(f, f.input((4, 12), "int8", 0.02, 3), 4, 12, 5)).bytes()
    graph = read(data, "m.tflite")
    x = np.random.default_rng(0).integers(-128, 128, (8, 12)).astype(np.int8)
    result = accel.compile(graph, board=BOARD).run(x)
    np.testing.assert_array_equal(result.output, tflm(data, x, 4))
    assert (graph.batch, result.report.batch, result.report.as_dict()["batch"]) == (4, 4, 4)
    assert graph.tensor("t0").shape == (1, 12)


def test_what_mixes_samples_is_named_where_the_whole_batch_cannot_run_either():
    f = File()
    x = f.input((70, 2, 2, 3), "int8", 0.02, 3)
    fields = {"strideH": 1, "strideW": 1, "filterHeight": 2, "filterWidth": 2, "padding": 1}
    pooled = f.tensor((70, 1, 1, 3), "int8", 0.02, 3)
    p = f.operator("MAX_POOL_2D", [x], [pooled], "Pool2DOptions", **fields)
    data = f.ends(f.operator("RESHAPE", [p], [f.tensor((1, 210), "int8", 0.02, 3)])).bytes()
    with pytest.raises(UnsupportedModel) as caught:
        read(data, "m.tflite")
    assert str(caught.value.reasons[0]) == (
        "operator 1 (RESHAPE): mixes the samples of a batch of 70 "
        "(tensor 't2' has shape (1, 210)); export it for a batch of 1"
    )


def test_what_mixes_samples_is_named_where_the_whole_batch_does_not_fit():
    f = File()
    x = f.input((32, 32, 32, 3), "int8", 0.02, 3)
    r = f.operator("RELU", [x], [f.tensor((32, 32, 32, 3), "int8", 0.02, 3)])
    flat = f.operator("RESHAPE", [r], [f.tensor((1, 32 * 32, 96), "int8", 0.02, 3)])
    graph = read(f.ends(flat).bytes(), "m.tflite")
    with pytest.raises(
        UserError, match=r"since operator 1 \(RESHAPE\) mixes the samples of a batch"
    ):
        accel.compile(graph, board="icebreaker")


@pytest.mark.parametrize("shape", [(), (3,), (2**15, 2**15), (0, 4), (2,) * 12])
@pytest.mark.parametrize("kind", ["input", "output"])
def test_impossible_shapes_are_refused_and_nothing_worse(kind, shape):
    for seed in range(40):
        walk = Walk(seed)
        operator = walk.file.graph.operators[-1]
        index = operator.inputs[0] if kind == "input" else operator.outputs[0]
        walk.file.graph.tensors[index].shape = list(shape)
        try:
            read(walk.bytes(), "m.tflite")
        except UnsupportedModel as error:
            assert error.reasons


def test_a_constant_output_keeps_its_shape():
    f = File()
    x = f.input((1, 6), "int8", 0.02, 3)
    shape = f.operator("SHAPE", [x], [f.tensor((2,), "int32")], "ShapeOptions", outType=2)
    data = f.ends(f.operator("RELU", [x], [f.tensor((1, 6), "int8", 0.02, 3)]), shape).bytes()
    x = np.zeros((3, 6), np.int8)
    outputs = accel.compile(read(data, "m.tflite"), board=BOARD).run(x).outputs
    np.testing.assert_array_equal(outputs["t1"], [1, 6] * 3)
