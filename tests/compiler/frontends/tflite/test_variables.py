"""Resource variables are states: as TFLite Micro has them, invocation by invocation."""

import numpy as np
import pytest

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import run
from accel.compiler.tflite_export.writer import write
from tests.support.networks.streaming import delay, frames, window
from tests.support.networks.tflite.files import File, schema
from tests.support.oracles.tflm import tflm

SHAPE = (1, 1, 1, 6)
X = np.random.default_rng(3).integers(-128, 128, (4, *SHAPE[1:])).astype(np.int8)
RESOURCE = schema.TensorType.RESOURCE


class Variables(File):
    """A file whose input is moved to its output by way of variables."""

    def __init__(self, zero_point=-20):
        super().__init__()
        self.zero_point = zero_point
        self.x = self.input(SHAPE, scale=0.1, zero_point=zero_point)

    def handle(self, name="v"):
        index = self.tensor((), "int8")
        self.graph.tensors[index].type = RESOURCE
        options = {"container": "", "sharedName": name}
        return self.operator("VAR_HANDLE", [], [index], "VarHandleOptions", **options)

    def codes(self, zero_point=None, shape=SHAPE, **fields):
        zero_point = self.zero_point if zero_point is None else zero_point
        return self.tensor(shape, scale=0.1, zero_point=zero_point, **fields)

    def read(self, handle, output=None):
        output = self.codes() if output is None else output
        return self.operator("READ_VARIABLE", [handle], [output], "ReadVariableOptions")

    def assign(self, handle, value):
        code = [handle, value], [], "AssignVariableOptions"
        self.operator_without_output("ASSIGN_VARIABLE", *code)

    def operator_without_output(self, *arguments, **fields):
        spare = self.tensor((1,))
        kind, inputs, _, *rest = arguments
        self.operator(kind, inputs, [spare], *rest, **fields)
        self.graph.operators[-1].outputs = []

    def view(self, value, shape=SHAPE, zero_point=None):
        out = self.codes(zero_point, shape)
        inputs, options = [value, self.constant(shape)], {"newShape": list(shape)}
        return self.operator("RESHAPE", inputs, [out], "ReshapeOptions", **options)

    def once(self, subgraph=1):
        self.operator_without_output(
            "CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=subgraph
        )

    def beginning(self, data, name="v", computed=False):
        """A second subgraph that gives the variable its first value."""
        main, self.graph = self.graph, schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs.append(self.graph)
        value = self.codes(shape=data.shape, data=data)
        value = self.view(value, data.shape) if computed else value
        self.assign(self.handle(name), value)
        self.graph = main


def agrees(file):
    data = file.bytes()
    graph = read(data, "v.tflite")
    expected = tflm(data, X)
    expected = expected if isinstance(expected, dict) else {graph.outputs[0]: expected}
    found = run(graph, X)
    assert set(found) == set(expected)
    for name in found:
        assert np.array_equal(found[name], expected[name].reshape(found[name].shape))
    return graph


@pytest.mark.parametrize("graph", [window(), window(3, 5), delay(1), delay(3)], ids=str)
def test_a_graph_with_states_is_written_and_read_back_with_the_oracles_answers(graph):
    x = frames(8)
    data = write(graph)
    back = read(data, "streaming.tflite")
    assert [state.name for state in back.states] == [state.name for state in graph.states]
    expected = tflm(data, x)
    expected = expected if isinstance(expected, dict) else {graph.outputs[0]: expected}
    for made in (graph, back):
        found = run(made, x)
        assert all(np.array_equal(found[name], answer) for name, answer in expected.items())


@pytest.mark.parametrize("zero_point", [-20, 5, 0])
def test_a_fresh_variable_holds_the_zero_point_of_what_is_assigned(zero_point):
    f = Variables(zero_point)
    v = f.handle()
    old = f.read(v)
    f.assign(v, f.view(f.x, zero_point=9))
    graph = agrees(f.ends(f.view(old)))
    assert (graph.states[0].initial == 9).all()


def test_the_second_subgraph_gives_initial_values_and_bytes_are_carried_over():
    f = Variables()
    f.once()
    v = f.handle()
    old = f.read(v, f.codes(33))  # the same bytes under another quantization
    f.assign(v, f.view(f.x))
    f.beginning(np.arange(6, dtype=np.int8).reshape(SHAPE))
    graph = agrees(f.ends(f.view(old, zero_point=33)))
    assert graph.states[0].initial.ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_what_is_read_after_it_was_assigned_is_the_new_value():
    f = Variables()
    v = f.handle()
    old = f.read(v)
    f.assign(v, f.view(f.x))
    new = f.read(v)
    both = f.codes(shape=(1, 1, 1, 12))
    f.operator("CONCATENATION", [old, new], [both], "ConcatenationOptions", axis=3)
    agrees(f.ends(both))


def test_what_is_assigned_before_it_is_read_is_no_state():
    f = Variables()
    v = f.handle()
    f.assign(v, f.view(f.x))
    assert not agrees(f.ends(f.view(f.read(v)))).states


def test_a_variable_that_only_begins_keeps_its_value():
    f = Variables()
    f.once()
    old = f.read(f.handle())
    total = f.codes()
    f.operator("MAXIMUM", [f.x, old], [total])
    f.beginning(np.arange(6, dtype=np.int8).reshape(SHAPE))
    agrees(f.ends(total))


def test_handles_of_one_name_are_one_variable():
    f = Variables()
    old = f.read(f.handle())
    f.assign(f.handle(), f.view(f.x))
    assert len(agrees(f.ends(f.view(old))).states) == 1


def _never_given(f):
    return f.view(f.read(f.handle()))


def _other_size(f):
    v = f.handle()
    old = f.read(v, f.codes(shape=(1, 1, 1, 3)))
    f.assign(v, f.view(f.x))
    return f.view(old, (1, 3))


def _no_handle(f):
    index = f.tensor((), "int8")
    f.graph.tensors[index].type = RESOURCE
    return f.view(f.read(index))


def _late(f):
    v = f.handle()
    old = f.read(v)
    f.once()
    f.assign(v, f.view(f.x))
    f.beginning(np.zeros(SHAPE, np.int8))
    return f.view(old)


def _other_initial(f):
    f.once()
    v = f.handle()
    old = f.read(v)
    f.assign(v, f.view(f.x))
    f.beginning(np.zeros((1, 1, 1, 3), np.int8))
    return f.view(old)


def _constant(f):
    v = f.handle()
    old = f.read(v)
    f.assign(v, f.codes(data=np.ones(SHAPE, np.int8)))
    total = f.codes()
    return f.operator("MAXIMUM", [f.x, old], [total])


BAD = {
    _never_given: (
        "operator 1 (READ_VARIABLE)",
        "'v', to which nothing gives a value",
        "CALL_ONCE",
    ),
    _other_size: ("(READ_VARIABLE)", "int8 (1, 1, 1, 3)", "'v'"),
    _no_handle: ("operator 0 (READ_VARIABLE)", "has no handle"),
    _late: ("(CALL_ONCE)", "after an operator has used it"),
    _other_initial: ("(READ_VARIABLE)", "int8 (1, 1, 1, 3)"),
    _constant: ("state 'v'", "the constant"),
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_variables_that_make_no_sense_are_named_with_the_reason(spoil):
    f = Variables()
    data = f.ends(spoil(f)).bytes()
    with pytest.raises(UnsupportedModel) as refused:
        read(data, "v.tflite")
    message = str(refused.value)
    for words in BAD[spoil]:
        assert words in message


def test_a_subgraph_that_computes_initial_values_is_refused():
    f = Variables()
    f.once()
    v = f.handle()
    old = f.read(v)
    f.assign(v, f.view(f.x))
    f.beginning(np.zeros(SHAPE, np.int8))
    f.model.subgraphs[1].operators[0].opcodeIndex = 0  # it calls itself
    with pytest.raises(UnsupportedModel, match="CALL_ONCE"):
        read(f.ends(f.view(old)).bytes(), "v.tflite")


@pytest.mark.parametrize("number", [-1, 2, 1 << 20])
def test_a_subgraph_that_is_not_there_is_a_damaged_file(number):
    f = Variables()
    f.once(number)
    v = f.handle()
    old = f.read(v)
    f.assign(v, f.view(f.x))
    f.beginning(np.zeros(SHAPE, np.int8))
    with pytest.raises(UnsupportedModel, match="out of range"):
        read(f.ends(f.view(old)).bytes(), "v.tflite")
