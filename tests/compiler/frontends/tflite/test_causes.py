"""A .tflite file with several networks, and files of other kinds of quantization."""

import flatbuffers
import numpy as np
import pytest

import accel
from accel.compiler.frontends import Choices, UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph import interpreter
from tests.compiler.frontends.tflite.test_reader import edited, small_model
from tests.support.networks.tflite.files import schema


def with_signatures(*names: str) -> bytes:
    """The small model once for each name, with other weights of its convolution."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(small_model(), 0))
    model.signatureDefs = []
    for index, name in enumerate(names):
        if index:
            again = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(small_model(), 0))
            graph = again.subgraphs[0]
            weights = graph.tensors[graph.operators[0].inputs[1]]
            buffer = again.buffers[weights.buffer]
            buffer.data = np.asarray(buffer.data, np.uint8) + index
            for tensor in graph.tensors:
                tensor.buffer += len(model.buffers) if tensor.buffer else 0
            for operator in graph.operators:
                operator.opcodeIndex += len(model.operatorCodes)
            model.buffers += again.buffers
            model.operatorCodes += again.operatorCodes
            model.subgraphs.append(graph)
        one = schema.SignatureDefT()
        one.signatureKey, one.subgraphIndex, one.inputs, one.outputs = name, index, [], []
        model.signatureDefs.append(one)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def refusal(data: bytes, **choices) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        read(data, "m.tflite", Choices(**choices))
    return str(caught.value)


def test_one_of_several_signatures_is_chosen_by_its_name(tmp_path):
    data = with_signatures("encode", "decode", "more")
    x = np.random.default_rng(0).integers(-128, 127, (4, 5, 5, 1)).astype(np.int8)
    found = {}
    for name in ("encode", "decode", "more"):
        graph = read(data, "m.tflite", Choices(signature=name))
        found[name] = interpreter.run(graph, x)["y"]
    np.testing.assert_array_equal(
        found["encode"], interpreter.run(read(small_model(), "m.tflite"), x)["y"]
    )
    assert not np.array_equal(found["encode"], found["decode"])
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    program = accel.compile(path, signature="decode")
    np.testing.assert_array_equal(program.run(x).output, found["decode"])


def test_without_a_choice_the_signatures_are_named():
    assert refusal(with_signatures("encode", "decode")) == (
        "m.tflite: has 2 signatures (encode, decode), each a network of its own; choose one, as "
        "in `accel check MODEL --signature encode`"
    )
    assert refusal(with_signatures("a", "b"), signature="c") == (
        "m.tflite: has no signature 'c'; use one of a, b"
    )
    assert refusal(small_model(), signature="c") == (
        "m.tflite: has no signature 'c'; leave --signature out"
    )


def test_a_network_of_one_signature_needs_no_choice():
    assert read(with_signatures("serving_default"), "m.tflite").nodes
    assert "takes no --input-quant" in refusal(small_model(), input_quant=("0.5",))


def float16(model) -> None:
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        tensor.type = schema.TensorType.FLOAT32
        tensor.quantization = None
        data = model.buffers[tensor.buffer].data
        if data is not None and tensor.name == b"w":
            tensor.type = schema.TensorType.FLOAT16
            model.buffers[tensor.buffer].data = np.zeros(2 * len(data), np.uint8)


def test_a_float16_model_is_called_so_once():
    text = refusal(edited(float16))
    assert "is a float16 model: weights are float16, activations are float32" in text
    assert text.count("representative_dataset") == 1
    assert "tensor 'w'" not in text


def no_operators(model) -> None:
    model.subgraphs[0].operators = []


def test_a_file_without_operators_is_no_network():
    assert "has no operators: it is no network" in refusal(edited(no_operators))
