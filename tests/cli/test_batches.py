"""``accel run`` takes archives, single samples, real numbers and labels, and says what it did."""

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import accel as project
from accel.cli.inputs.arrays import UnreadableInput
from accel.cli.inputs.batch import read_batch
from accel.compiler.frontends import load
from tests.support.networks.tflite.operators import per_tensor
from tests.support.oracles.onnx import onnx_runtime

from .conftest import DIGITS, MODEL

with np.load(DIGITS / "test_images.npz") as archive:
    X, Y = archive["x"], archive["y"]
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@dataclass
class Runner:
    """Runs the digits on what is written to a file."""

    accel: object
    folder: object

    def __call__(self, input, *more) -> tuple[np.ndarray, str, dict]:
        output = self.folder / "answers.npy"
        files = ("-i", input, "-o", output, "--json", self.folder / "r.json")
        code, said, errors = self.accel("run", MODEL, *files, *more)
        assert code == 0, errors
        answer = json.loads((self.folder / "r.json").read_text())
        return np.load(self.folder / "answers.npy"), said, answer


@pytest.fixture
def run(accel, tmp_path):
    return Runner(accel, tmp_path)


def expected(x: np.ndarray) -> np.ndarray:
    return project.compile(MODEL).run(x, "reference").output


@pytest.mark.parametrize("arrays", [{"image": X[:3]}, {"x": X[:3], "z": Y[:3]}, {"mine": X[:3]}])
def test_an_archive_has_the_input_by_its_name_or_as_x_or_alone(arrays, run, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    y, output, answer = run(tmp_path / "x.npz")
    assert_array_equal(y, expected(X[:3]))
    assert "classification" not in answer
    assert "Accuracy" not in output


def test_one_sample_is_a_batch_of_one(run, tmp_path):
    np.save(tmp_path / "x.npy", X[5])
    y, output, answer = run(tmp_path / "x.npy")
    assert_array_equal(y, expected(X[5:6]))
    assert answer["samples"] == 1
    assert "x.npy is one sample [8, 8, 1]: run as a batch of one" in output


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_real_numbers_are_quantized_by_the_inputs_scale(dtype, run, tmp_path):
    q = load(MODEL).tensor("image").quantization
    real = ((X[:4].astype(np.float64) - q.zero_point[0]) * q.scale[0]).astype(dtype)
    np.save(tmp_path / "x.npy", real)
    y, output, _ = run(tmp_path / "x.npy")
    assert_array_equal(y, expected(X[:4]))
    scale = f"scale {q.scale[0]:.6g} and zero point {q.zero_point[0]}"
    assert f"x.npy is {np.dtype(dtype)}: quantized to int8 by the input's {scale}" in output


def test_what_is_beyond_the_codes_saturates(run, tmp_path):
    real = np.full((1, 8, 8, 1), 1e300)
    real[0, :4] = -np.inf
    np.save(tmp_path / "x.npy", real)
    y, _, _ = run(tmp_path / "x.npy")
    codes = np.full((1, 8, 8, 1), 127, np.int8)
    codes[0, :4] = -128
    assert_array_equal(y, expected(codes))


@pytest.mark.parametrize("contract", ["tflm", "onnx"])
def test_halves_are_rounded_as_the_runtime_does(contract, tmp_path):
    """TFLite's away from zero, ONNX Runtime's to even."""
    import onnx
    from onnx import TensorProto, helper

    graph = load(MODEL)
    image = graph.tensor("image")
    half = dataclasses.replace(image, quantization=per_tensor(0.5, 3))
    graph = graph.replace(tensors={**graph.tensors, "image": half}, contract=contract)
    real = np.zeros((1, 8, 8, 1), np.float32)
    real.reshape(-1)[:8] = np.array([0.25, 0.75, 1.25, -0.25, -0.75, -1.25, 80, -80])
    np.save(tmp_path / "x.npy", real)
    codes = read_batch(tmp_path / "x.npy", graph).inputs["image"]
    assert codes.dtype == np.int8
    if contract == "tflm":
        assert codes.reshape(-1)[:8].tolist() == [4, 5, 6, 2, 1, 0, 127, -128]
        return
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    made = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, real.shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT8, real.shape)],
        [
            helper.make_tensor("s", TensorProto.FLOAT, (), [0.5]),
            helper.make_tensor("z", TensorProto.INT8, (), [3]),
        ],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    assert_array_equal(codes, onnx_runtime(model.SerializeToString(), {"x": real})[0])


def check_accuracy(output: str, answer: dict, right: int, count: int) -> None:
    classes = answer["classification"]
    assert (classes["right"], len(classes["answers"])) == (right, count)
    assert classes["accuracy"] == round(right / count, 6)
    assert f"Accuracy: {right} of {count} right, {100 * right / count:.2f} %" in output


def test_classes_that_come_with_the_samples_give_accuracy(run):
    y, output, answer = run(DIGITS / "test_images.npz")
    check_accuracy(output, answer, 354, 360)
    assert answer["classification"]["answers"] == y.argmax(axis=1).tolist()
    best = answer["classification"]["top"][0]
    assert [one["class"] for one in best] == np.argsort(-y[0].astype(int), kind="stable")[
        :3
    ].tolist()
    assert best[0]["value"] == pytest.approx((int(y[0].max()) + 128) / 256)


@pytest.mark.parametrize("form", ["npy", "npz", "json", "txt", "column"])
def test_true_classes_come_from_any_kind_of_file(form, run, tmp_path):
    np.save(tmp_path / "x.npy", X)
    path = tmp_path / f"y.{'npy' if form == 'column' else form}"
    if form == "npz":
        np.savez(path, y=Y)
    elif form in ("npy", "column"):
        np.save(path, Y[:, np.newaxis] if form == "column" else Y)
    else:
        path.write_text(json.dumps(Y.tolist()) if form == "json" else "\n".join(map(str, Y)))
    _, output, answer = run(tmp_path / "x.npy", "--labels", path)
    check_accuracy(output, answer, 354, 360)


@pytest.mark.parametrize("form", ["list", "object", "text", "numbers"])
def test_names_of_the_classes(form, run, tmp_path):
    path = tmp_path / ("names.json" if form in ("list", "object") else "names.txt")
    names = list(map(str, range(10, 20))) if form == "numbers" else NAMES
    texts = {
        "list": json.dumps(names),
        "object": json.dumps({str(index): one for index, one in enumerate(names)}),
    }
    path.write_text(texts.get(form, "\n".join(names) + "\n"))
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "x.npy", X)
    _, output, answer = run(tmp_path / "x.npy", "--labels", path, "--labels", tmp_path / "y.npy")
    check_accuracy(output, answer, 354, 360)
    assert answer["classification"]["class_names"] == names
    assert f"{names[int(Y[0])]} (" in output


WRONG = {
    "too few": (Y[:3], "must have one class for each of 360 samples, not shape [3]"),
    "real": (Y.astype(float), "must have the numbers of classes, as integers, not float64"),
    "beyond": (Y + 1, "must have classes from 0 to 9, not 1 to 10"),
    "one-hot": (np.eye(10, dtype=int)[Y], "must have one class for each of 360 samples"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_labels_that_do_not_fit_are_told_before_the_run(kind, refused, tmp_path, monkeypatch):
    array, message = WRONG[kind]
    np.save(tmp_path / "labels.npy", array)
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr("accel.cli.run.run_with_progress", None)
    files = ("-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    said = refused("run", MODEL, *files, "--labels", tmp_path / "labels.npy")
    assert said.startswith(f"{tmp_path / 'labels.npy'}: ")
    assert message in said
    assert not (tmp_path / "y.npy").exists()


TEXTS = {
    "too few names": ("n.txt", b"a\nb\n", "has 2 names, and the network 10 classes"),
    "nothing": ("n.txt", b"\n", "is empty; give a class or a name a line"),
    "no text": ("n.txt", b"\xff\xfe\x00", "is no text in UTF-8"),
    "no JSON": ("n.json", b"{", "is no JSON"),
    "deep JSON": ("n.json", b"[" * 99_999, "is no JSON"),
    "other JSON": ("n.json", b'{"a": [1]}', "must have a list of names or of classes"),
    "an archive": ("n.npz", b"PK\x03\x04", "is not a whole .npz file of numbers"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_files_that_have_no_labels_are_told(kind, refused, tmp_path):
    name, data, message = TEXTS[kind]
    (tmp_path / name).write_bytes(data)
    np.save(tmp_path / "x.npy", X)
    files = ("-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--labels", tmp_path / name)
    assert message in refused("run", MODEL, *files)


def test_a_damaged_archive_as_input(refused, tmp_path):
    np.savez(tmp_path / "x.npz", x=X)
    data = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(data[: len(data) // 2])
    said = refused("run", MODEL, "-i", tmp_path / "x.npz", "-o", tmp_path / "y.npy")
    assert "x.npz: is not a whole .npz file of numbers; write it with numpy.savez" in said


def test_several_inputs_come_by_their_names(tmp_path):
    graph = load(MODEL)
    image = graph.tensor("image")
    other = dataclasses.replace(image, name="y", shape=(1, 3))
    graph = graph.replace(tensors={**graph.tensors, "y": other}, inputs=("image", "y"))
    rng = np.random.default_rng(3)
    arrays = {"image": rng.integers(-128, 128, (2, 8, 8, 1), np.int8)}
    arrays["y"] = rng.integers(-128, 128, (2, 3), np.int8)  # an input here, and no labels
    np.savez(tmp_path / "x.npz", other=X, **arrays)
    assert read_batch(tmp_path / "x.npz", graph).labels is None
    found = read_batch(tmp_path / "x.npz", graph).inputs
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_array_equal(found[name], array)
    np.savez(tmp_path / "x.npz", image=X)
    with pytest.raises(UnreadableInput, match=r"an array for each input: image, y$"):
        read_batch(tmp_path / "x.npz", graph)
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(
        UnreadableInput, match=r"give an .npz file with an array for each: image, y"
    ):
        read_batch(tmp_path / "x.npy", graph)
