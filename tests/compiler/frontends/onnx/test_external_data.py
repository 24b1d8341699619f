"""Models that keep constants in other files: those of their own folder are read, no others."""

import os
from pathlib import Path

import onnx
import pytest

from accel.bench.networks import read as read_for_bench
from accel.compiler.frontends import UnsupportedModel, bytes_of, load
from accel.compiler.frontends.onnx import external_data
from accel.compiler.ir.graph import Graph
from accel.explore.network import Network
from tests.support.networks.onnx.edits import small_model


def split(folder: Path, **how) -> Path:
    """The small model with its constants beside it."""
    onnx.save_model(
        small_model(), folder / "m.onnx", save_as_external_data=True, size_threshold=0, **how
    )
    return folder / "m.onnx"


def edit(path: Path, **entries: str | None) -> Path:
    """Change where the model says that the weights are."""
    model = onnx.load(path, load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.name == "w")
    kept = {entry.key: entry.value for entry in tensor.external_data} | entries
    del tensor.external_data[:]
    for key, value in kept.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


FORMS = {
    "one file": {"location": "m.onnx.data"},
    "one file each": {"all_tensors_to_one_file": False},
    "a file of a folder in it": {"location": "data/weights"},
}


def constants(graph: Graph) -> dict[str, list]:
    found = (tensor for tensor in graph.tensors.values() if tensor.constant)
    return {tensor.name: tensor.data.tolist() for tensor in found}


@pytest.mark.parametrize("form", FORMS)
def test_constants_of_the_folder_are_the_models(form, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "whole.onnx").write_bytes(small_model().SerializeToString())
    whole, graph = load(tmp_path / "whole.onnx"), load(split(tmp_path, **FORMS[form]))
    assert len(constants(whole)) == 2
    assert constants(graph) == constants(whole)
    assert repr(graph.nodes) == repr(whole.nodes)


def test_without_a_length_the_shape_says_it(tmp_path):
    path = split(tmp_path, location="w")
    before = constants(load(path))
    assert constants(load(edit(path, length=None))) == before


def test_a_link_within_the_folder_is_followed(tmp_path):
    path = edit(split(tmp_path, all_tensors_to_one_file=False), location="link")
    os.symlink("w", tmp_path / "link")
    load(path)


OUTSIDE = "which is outside of the model's folder; copy it there, or save the model as one file"
FAULTS = {
    "above": ({"location": "../secret"}, f"'../secret', {OUTSIDE}"),
    "absolute": ({"location": "{folder}/models/w"}, OUTSIDE),
    "dots": ({"location": "a/../w"}, f"'a/../w', {OUTSIDE}"),
    "link out": ({"location": "out"}, f"'out', {OUTSIDE}"),
    "link in a circle": ({"location": "circle"}, "'circle', which is"),
    "folder link": ({"location": "up/secret"}, OUTSIDE),
    "empty": ({"location": ""}, OUTSIDE),
    "none": ({"location": None}, OUTSIDE),
    "no name": ({"location": "a\0b"}, "which is outside"),
    "long name": ({"location": "a" * 5000}, "which is"),
    "missing": ({"location": "gone"}, "'gone', which is missing; put it beside the model"),
    "folder": ({"location": "a"}, "'a', which is no file"),
    "pipe": ({"location": "pipe"}, "'pipe', which is no file"),
    "runtime's memory": ({"location": "*/_ORT_MEM_ADDR_/*"}, "which is missing"),
    "short": ({"length": "19"}, "tensor 'w': has 19 bytes of data, not 18"),
    "beyond": ({"offset": "900"}, "of 18 bytes, which ends before byte 918; copy the whole file"),
    "negative": ({"offset": "-4"}, "with the offset '-4'"),
    "words": ({"length": "all"}, "with the length 'all'"),
    "huge": ({"length": "9" * 19}, "data in other files, in all more than 256 MiB"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_else_is_read(fault, tmp_path):
    entries, message = FAULTS[fault]
    (tmp_path / "secret").write_bytes(bytes(40))
    folder = tmp_path / "models"
    (folder / "a").mkdir(parents=True)
    os.symlink(tmp_path / "secret", folder / "out")
    os.symlink("circle", folder / "circle")
    os.symlink("..", folder / "up")
    os.mkfifo(folder / "pipe")
    path = split(folder, all_tensors_to_one_file=False)
    if fault == "short":
        (folder / "w").write_bytes(bytes(40))
    if "{folder}" in (entries.get("location") or ""):
        entries = {"location": str(folder / "w")}
    with pytest.raises(UnsupportedModel) as refused:
        load(edit(path, **entries))
    (line,) = str(refused.value).split("\n")
    assert line.startswith("m.onnx: tensor 'w': has ")
    assert message in line


def test_all_of_a_files_constants_are_one_reason(tmp_path):
    path = split(tmp_path, location="d")
    (tmp_path / "d").unlink()
    with pytest.raises(UnsupportedModel, match=r"m\.onnx: tensors 's', 'z', .*: have their data"):
        load(path)


def test_what_one_region_is_read_for_counts_each_time(tmp_path, monkeypatch):
    path = split(tmp_path, location="d")
    monkeypatch.setattr(external_data, "MAX_BYTES", 40)
    with pytest.raises(UnsupportedModel, match="data in other files, in all more than 0 MiB"):
        load(path)


def test_a_changed_constant_is_another_network(tmp_path):
    path = split(tmp_path, all_tensors_to_one_file=False)
    bytes_before, before = path.read_bytes(), (bytes_of(path).data, read_for_bench(path, 1).sha256)
    digest = Network.read(path).digest
    (tmp_path / "w").write_bytes(bytes(18))
    assert path.read_bytes() == bytes_before
    assert bytes_of(path).data != before[0]
    assert read_for_bench(path, 1).sha256 != before[1]
    assert Network.read(path).digest != digest


def test_workers_elsewhere_need_no_other_files(tmp_path):
    network = Network.read(split(tmp_path, location="d"))
    (tmp_path / "d").unlink()
    assert len(constants(network.graph())) == 2
