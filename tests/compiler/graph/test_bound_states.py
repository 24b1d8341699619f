"""Outputs that go in again are states: as a user carries them over with ONNX Runtime."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import accel
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.graph.bound_states import bound
from accel.compiler.ir.graph import InvalidGraph
from accel.sim.compare import assert_same
from tests.support.networks.streaming import window

FLOAT, INT8, UINT8 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8
TYPES = {FLOAT: np.float32, INT8: np.int8, UINT8: np.uint8}
SCALES = {"x": 0.0523, "h": 0.0417, "y": 0.0627}  # at which no result is an exact half
BINS, UNITS, ANSWERS = 5, 6, 3
STEPS = 12


class Made:
    """A model with QuantizeLinear and DequantizeLinear around its layers, node by node."""

    def __init__(self, ends, zero=4):
        self.ends, self.unsigned = ends, ends == UINT8
        self.code = np.uint8 if self.unsigned else np.int8
        self.zero = zero + 128 * self.unsigned
        self.nodes, self.constants, self.rng = [], [], np.random.default_rng(1)

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def quantizer(self, name, scale):
        pair = np.float32(scale), self.code(self.zero)
        return [self.constant(f"{name}_{k}", v) for k, v in zip("sz", pair, strict=True)]

    def real(self, name, scale, given=False):
        """What a tensor is in real numbers: of an input, by codes in between if it has none."""
        pair = self.quantizer(f"{name}_real", scale)
        if given and self.ends != FLOAT:
            return self.node("DequantizeLinear", [name, *pair], f"{name}_real")
        self.node("QuantizeLinear", [name, *pair], f"{name}_codes")
        return self.node("DequantizeLinear", [f"{name}_codes", *pair], f"{name}_real")

    def leave(self, name, output, scale):
        """Make a tensor an output, in the type that the ends have."""
        pair = self.quantizer(output, scale)
        if self.ends != FLOAT:
            return self.node("QuantizeLinear", [name, *pair], output)
        self.node("QuantizeLinear", [name, *pair], f"{output}_codes")
        return self.node("DequantizeLinear", [f"{output}_codes", *pair], output)

    def weights(self, name, *shape):
        codes = self.rng.integers(-127, 128, shape).astype(np.int8)
        pair = [
            self.constant(f"{name}_s", np.float32(0.00973)),
            self.constant(f"{name}_z", np.int8(0)),
        ]
        return self.node("DequantizeLinear", [self.constant(name, codes), *pair], f"{name}_real")

    def model(self, inputs, outputs):
        ends = [
            [helper.make_tensor_value_info(name, self.ends, shape) for name, shape in some.items()]
            for some in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, "states", *ends, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def recurrent(ends, left=SCALES["h"]):
    """``h = W x + U h``, ``y = V h``; ``left`` is the scale with which h leaves."""
    m = Made(ends)
    x, h = m.real("x", SCALES["x"], True), m.real("h_in", SCALES["h"], True)
    parts = [
        m.real(m.node("MatMul", [value, m.weights(w, size, UNITS)], f"{w}_sum"), SCALES["h"])
        for value, w, size in ((x, "W", BINS), (h, "U", UNITS))
    ]
    total = m.real(m.node("Add", parts, "total"), left)
    m.leave(total, "h_out", left)
    m.leave(m.node("MatMul", [total, m.weights("V", UNITS, ANSWERS)], "answers"), "y", SCALES["y"])
    return m.model({"x": [1, BINS], "h_in": [1, UNITS]}, {"y": [1, ANSWERS], "h_out": [1, UNITS]})


def ring(ends):
    """A convolution over a window of frames, channels first."""
    m = Made(ends)
    pieces = [m.real(name, SCALES["x"], True) for name in ("h_in", "x")]
    whole = m.real(m.node("Concat", pieces, "both", axis=2), SCALES["x"])
    cuts = [m.constant(k, np.int64([v])) for k, v in (("from", 1), ("to", 5), ("axis", 2))]
    m.leave(m.node("Slice", [whole, *cuts], "kept"), "h_out", SCALES["x"])
    sums = m.node("Conv", [whole, m.weights("W", ANSWERS, BINS, 5, 1)], "sums")
    m.leave(sums, "y", SCALES["y"])
    inputs = {"x": [1, BINS, 1, 1], "h_in": [1, BINS, 4, 1]}
    return m.model(inputs, {"y": [1, ANSWERS, 1, 1], "h_out": [1, BINS, 4, 1]})


def carried_over(model, x):
    """The answers of ONNX Runtime to samples one after another, whose state begins at 0."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    state = session.get_inputs()[1]
    h = np.zeros(state.shape, x.dtype)
    if x.dtype != np.float32:
        h += x.dtype.type(4 + 128 * (x.dtype == np.uint8))  # its zero point
    answers = []
    for sample in x:
        y, h = session.run(["y", "h_out"], {"x": sample[np.newaxis], "h_in": h})
        answers.append(y)
    return np.concatenate(answers)


def saved(model, tmp_path):
    path = tmp_path / "states.onnx"
    onnx.save(model, path)
    return path


MODELS = {
    "recurrent_float": (recurrent, FLOAT, {}),
    "recurrent_of_another_scale": (recurrent, FLOAT, {"left": 0.0511}),
    "recurrent_int8": (recurrent, INT8, {}),
    "recurrent_uint8": (recurrent, UINT8, {}),
    "ring_float": (ring, FLOAT, {}),
    "ring_int8": (ring, INT8, {}),
}


@pytest.mark.parametrize("name", MODELS)
def test_successive_inferences_answer_as_the_oracle_with_its_state_carried_over(name, tmp_path):
    make, ends, options = MODELS[name]
    model, rng = make(ends, **options), np.random.default_rng(2)
    shape = [STEPS, *(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim)][0:1]
    shape += [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    real = rng.normal(0, 3, shape)
    x = real.astype(np.float32) if ends == FLOAT else rng.integers(0, 200, shape).astype(np.uint8)
    x = x.view(np.int8) if ends == INT8 else x
    program = accel.compile(saved(model, tmp_path), board="icebreaker", state="h_out=h_in")
    assert [one.name for one in program.inputs] == ["x"]
    assert [one.name for one in program.outputs] == ["y"]
    assert [(s.name, s.dtype) for s in program.states] == [("h_in", "int8")]
    expected = {"y": carried_over(model, x)}
    for executor in ("reference", "machine"):
        assert_same(program.run(x, executor).outputs, expected)
    assert len(np.unique(expected["y"])) > 10


PAIRS = {
    "h_out": r"write OUT=IN",
    "nope=h_in": r"names an output 'nope', which the network has not; its outputs are y, h_out",
    "h_out=nope": r"names an input 'nope', which the network has not; its inputs are x, h_in",
    "h_in=h_out": r"other way round: OUT=IN",
    "y=h_in": r"float32 \[1, 3\].*float32 \[1, 6\].*one shape and type",
    ("h_out=h_in", "h_out=h_in"): r"which is a state already; name each once",
}


@pytest.mark.parametrize("pairs", PAIRS, ids=str)
def test_pairs_that_make_no_state_are_named_with_what_to_do(pairs, tmp_path):
    path = saved(recurrent(FLOAT), tmp_path)
    with pytest.raises(UnsupportedModel, match=f"(?s){PAIRS[pairs]}"):
        accel.compile(path, state=pairs)


def test_a_network_keeps_an_input_and_an_output_of_its_own():
    graph = window()
    alone = graph.replace(inputs=("x",), outputs=("t3",), states=())
    same = replace(graph.tensor("x"), shape=(1, 1, 1, 4))
    alone = alone.replace(tensors={**graph.tensors, "x": same})
    _, reasons = bound(alone, ["t3=x"])
    assert any("leave the network no input" in str(reason) for reason in reasons)


def test_names_may_have_equals_signs_in_them():
    graph = window()
    names = {"t3": "a=b", "x": "c=d"}
    tensors = {names.get(n, n): replace(t, name=names.get(n, n)) for n, t in graph.tensors.items()}
    renamed = graph.replace(tensors=tensors, inputs=("c=d", "e"), outputs=("a=b", "f"), states=())
    made, reasons = bound(renamed, ["a=b=c=d"])
    assert not reasons
    assert [(s.written, s.read) for s in made.states] == [("a=b", "c=d")]


def test_mappings_and_graphs_are_taken_in_python(tmp_path):
    path = saved(recurrent(INT8), tmp_path)
    one, other = (accel.compile(path, state=s) for s in ({"h_out": "h_in"}, ["h_out=h_in"]))
    assert [s.name for s in one.states] == [s.name for s in other.states] == ["h_in"]


def test_what_is_kept_in_real_numbers_is_refused_with_what_to_do(tmp_path):
    model = recurrent(FLOAT)
    for node in model.graph.node:  # the state leaves unquantized
        if list(node.output) == ["h_out"]:
            node.op_type, node.input[:] = "Relu", [node.input[0]]
            del node.input[1:]
            node.input[0] = "total_real"
    with pytest.raises((CannotCompile, UnsupportedModel, InvalidGraph)) as refused:
        accel.compile(saved(model, tmp_path), state="h_out=h_in")
    assert "h_" in str(refused.value)
