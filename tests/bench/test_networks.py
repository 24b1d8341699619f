"""Which files are measured, and which of them are known."""

import numpy as np
import pytest

from accel.bench import networks
from accel.compiler.ir.graph import Graph, Node, Tensor
from tests.support.shared import shared


def test_without_a_model_it_is_the_digits():
    assert [path.name for path in networks.paths([], [])] == ["digits_int8.tflite"]


def test_a_folder_stands_for_its_networks(tmp_path):
    for name in ("b.onnx", "a.tflite", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in networks.paths([], [tmp_path])] == ["a.tflite", "b.onnx"]


def test_missing_files_and_folders_are_named(tmp_path):
    for models, folders in (([tmp_path / "no"], []), ([], [tmp_path / "no"]), ([], [tmp_path])):
        with pytest.raises(networks.NoSuchModel, match=f"^{tmp_path}.*; give "):
            networks.paths(models, folders)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mlperf_tiny/kws01_dscnn_int8.tflite", "KWS"),
        ("mlperf_tiny/vww01_mobilenet_int8.tflite", "VWW"),
        ("mlperf_tiny/ic01_resnet_int8.tflite", "IC"),
        ("mlperf_tiny/ad01_int8.tflite", "AD"),
        ("onnx_mlperf_k1/kws01.onnx", "KWS"),
        ("onnx_ortq/mnist8_qdq_u8s8_pt.onnx", None),
    ],
)
def test_networks_are_known_by_their_content(file, name, tmp_path):
    path = shared(f"models/{file}")
    renamed = tmp_path / f"renamed{path.suffix}"
    renamed.write_bytes(path.read_bytes())
    assert networks.read(renamed, 2).known_as == name


def test_the_digits_have_their_images_and_are_none_of_the_four():
    found = networks.read(networks.digits() / "digits_int8.tflite", 5)
    (images,) = found.inputs.values()
    assert images.shape == (5, 8, 8, 1)
    assert images.dtype == np.int8
    assert (found.known_as, found.inputs_are) == (None, "test images")
    assert len(found.sha256) == 64


def test_a_network_is_known_by_one_input_and_one_output():
    known = networks.KNOWN["KWS"]
    sizes = {"x": known.inputs, "y": known.outputs, "z": 1, "w": known.parameters}
    tensors = {name: Tensor(name=name, shape=(1, n), dtype="int8") for name, n in sizes.items()}
    node = Node(name="n", operator="fully_connected", inputs=("x", "w"), outputs=("y",))
    graph = Graph(name="g", tensors=tensors, nodes=(node,), inputs=("x",), outputs=("y",))
    assert networks.known_as(graph) == "KWS"
    assert networks.known_as(graph.replace(outputs=("y", "z"))) is None
    assert networks.known_as(graph.replace(inputs=("x", "z"))) is None
