"""Files that somebody made to do harm, or that look like it: one report, in bounded time and
memory, nothing on the terminal that is no text, and nothing written but where the user said."""

import os
import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper

from accel.compiler.frontends import MAX_BYTES
from tests.compiler.frontends.tflite import test_reader as tflite
from tests.support.networks.onnx.edits import edited, small_model
from tests.support.networks.tflite.files import schema

from .conftest import MODEL
from .test_bad_input import BATCH, arguments, npy

SECONDS, MEMORY = 60, 2 << 30  # that a command may take; most take 2 and 0.2
UGLY = "\x1b]0;mine\x07[/bold]\r\n../../up"


def in_bounds(*command, cwd):
    """A command in a process that may take little time and memory; its code, output and errors."""
    program = (
        "import resource; from accel.__main__ import main\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))\nmain()"
    )
    words = [sys.executable, "-B", "-c", program, *map(str, command)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=cwd, timeout=SECONDS
    )
    return done.returncode, done.stdout, done.stderr


def onnx_fields(number: int, *pieces: bytes) -> bytes:
    """Fields of a protocol buffer that have a length."""
    found = b""
    for piece in pieces:
        size, digits = len(piece), b""
        while size > 127:
            digits, size = digits + bytes([size & 127 | 128]), size >> 7
        found += bytes([number << 3 | 2]) + digits + bytes([size]) + piece
    return found


def many_nodes() -> bytes:
    """Two bytes for each node, which take a hundred and more in memory."""
    return b"\x08\x08" + onnx_fields(7, b"\x0a\x00" * (20 << 20))


def deep() -> bytes:
    """A graph in an attribute of a node of a graph, and so on."""
    inner = b""
    for _ in range(3000):
        inner = onnx_fields(1, onnx_fields(5, onnx_fields(6, inner)))
    return b"\x08\x08" + onnx_fields(7, inner)


def many_operators() -> bytes:
    """A list that refers to one operator a hundred thousand times."""

    def repeated(model):
        graph = model.subgraphs[0]
        graph.operators = graph.operators[:1] * 100_000

    return tflite.edited(repeated)


def same_tensor() -> bytes:
    """A short file whose list of tensors names the same table over and over: counts are not
    size."""
    data = bytearray(tflite.small_model())
    model = schema.Model.GetRootAsModel(data, 0)
    graph = model.Subgraphs(0)
    field = graph._tab.Pos + graph._tab.Offset(4)  # where the offset of the list of tensors is
    target = graph.Tensors(0)._tab.Pos
    while len(data) % 4:
        data.append(0)
    start = len(data)
    struct.pack_into("<I", data, field, start - field)
    count = 300_000
    data += struct.pack("<I", count)
    # Offsets are unsigned: a table that comes before wraps around, which the reader takes as
    # damage; so the table is put after the list, as a copy of its bytes would be.
    end = start + 4 + 4 * count
    data += b"".join(
        struct.pack("<I", end + 64 - (start + 4 + 4 * i)) for i in range(count)
    ) + bytes(data[target - 64 : target + 128])
    return bytes(data)


HOSTILE = {
    "many nodes.onnx": (many_nodes, "has more than 1048576 fields"),
    "deep.onnx": (deep, "is a damaged ONNX file (its bytes are no protocol buffer of a model"),
    "many operators.tflite": (many_operators, "a list of 100000 entries has more than 8192"),
    "same tensor.tflite": (same_tensor, "a list of 300000 entries has more than 65536"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_small_files_that_would_become_large(name, tmp_path):
    make, message = HOSTILE[name]
    (tmp_path / name).write_bytes(make())
    code, output, errors = in_bounds("check", name, cwd=tmp_path)
    assert (code, output) == (2, "")
    assert errors.startswith(f"error: {name}: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("start", [b"\x00\x00\x00\x00TFL3", b"\x08\x08\x12\x04test", b""])
def test_a_file_of_a_gigabyte(start, refused, tmp_path):
    path = tmp_path / "large.model"
    path.write_bytes(start)
    os.truncate(path, 1 << 30)
    assert refused("check", path) == f"large.model: is larger than {MAX_BYTES >> 20} MiB"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="has no file without an end")
def test_a_file_without_an_end(tmp_path):
    code, _, errors = in_bounds("check", "/dev/zero", cwd=tmp_path)
    assert (code, errors) == (2, f"error: zero: is larger than {MAX_BYTES >> 20} MiB\n")


def ugly_onnx(model):
    model.graph.node[4].op_type = model.graph.node[4].domain = UGLY
    model.graph.node[4].name = UGLY


def ugly_tflite(model):
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
    model.operatorCodes[0].customCode = UGLY.encode()


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_names_of_operators_are_only_text(suffix, accel, tmp_path):
    data = edited(ugly_onnx) if suffix == "onnx" else tflite.edited(ugly_tflite)
    (tmp_path / f"ugly.{suffix}").write_bytes(data)
    code, output, errors = accel("check", tmp_path / f"ugly.{suffix}")
    assert code == 2
    assert "[/bold]" in output
    assert "[/bold]" in errors
    assert not set("\x1b\x07\r") & set(output + errors)


def test_names_of_files_are_only_text(accel, tmp_path):
    """As a title of a table and in a message."""
    path = tmp_path / "net[red] \x1b[31m:boom:.tflite"
    path.write_bytes(MODEL.read_bytes())
    code, output, errors = accel("compile", path, "-o", tmp_path / "out")
    assert (code, errors) == (0, "")
    np.save(tmp_path / "x.npy", BATCH)
    code, output, _ = accel("run", path, "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert code == 0
    assert "\x1b[31m" not in output
    assert "net[red] \\x1b[31m:boom:" in output
    path.write_bytes(b"no model")
    code, _, errors = accel("check", path)
    assert code == 2
    assert "\x1b[31m" not in errors


def renamed(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        node.name = f"{UGLY}/{node.output[0]}"
        for names_of in (node.input, node.output):
            names_of[:] = [names.get(name, name) for name in names_of]
    for entry in (*model.graph.initializer, *model.graph.input, *model.graph.output):
        entry.name = names.get(entry.name, entry.name)


def test_layers_are_written_into_their_folder_whatever_names_the_file_has(accel, tmp_path):
    model, work = small_model(), tmp_path / "work"
    names = {name: f"../../{name}/{UGLY}" for name in ("x", "x_codes", "c", "r", "r_codes", "y")}
    renamed(model, names)
    work.mkdir()
    (work / "m.onnx").write_bytes(model.SerializeToString())
    np.save(work / "x.npy", np.ones((1, 1, 5, 5), np.float32))
    files = ("-i", work / "x.npy", "-o", work / "y.npy", "--layers", work / "layers")
    code, _, errors = accel("run", work / "m.onnx", *files)
    assert code == 0, errors
    assert sorted(os.listdir(tmp_path)) == ["work"]
    assert sorted(os.listdir(work)) == ["layers", "m.onnx", "x.npy", "y.npy"]
    layers = os.listdir(work / "layers")
    assert len(layers) >= 2
    assert all(name.replace("_", "").removesuffix(".npy").isalnum() for name in layers)


def loop(model):
    body = helper.make_graph([], "body", [], [])
    model.graph.node[5].CopyFrom(helper.make_node("Loop", ["c", "c"], ["r"], body=body))


def scan_of_scans(model):
    body = helper.make_graph([], "body", [], [])
    for _ in range(20):
        node = helper.make_node("Scan", ["c"], ["r"], body=body, num_scan_inputs=1)
        body = helper.make_graph([node], "body", [], [])
    model.graph.node[5].CopyFrom(node)


def nothing(model):
    model.graph.ClearField("node")
    model.graph.ClearField("output")


def no_outputs(model):
    model.graph.ClearField("output")


def sparse(model):
    constant = model.graph.initializer[2]
    model.graph.sparse_initializer.add().values.CopyFrom(constant)
    model.graph.initializer.remove(constant)


def outside(model):
    constant = model.graph.initializer[2]
    constant.ClearField("raw_data")
    constant.data_location = onnx.TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="../secret.bin")


ONNX = {
    loop: "operator 5 (Loop): has a graph of its own (which it runs in a loop); export the model",
    scan_of_scans: "operator 5 (Scan): has a graph of its own (which it runs in a loop); export",
    nothing: "is a float32 model",
    no_outputs: "has no input or no output",
    sparse: "tensor 'w': is stored sparsely; store it densely",
    outside: "tensor 'w': has its data in '../secret.bin', which is outside of the model's folder",
}


@pytest.mark.parametrize("change", ONNX, ids=lambda change: change.__name__)
def test_onnx_files_that_are_no_networks(change, refused, tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(18))  # what external data would be
    (tmp_path / "bad.onnx").write_bytes(edited(change))
    said = refused("compile", tmp_path / "bad.onnx", "-o", tmp_path / "out")
    assert said.startswith("bad.onnx: ")
    assert ONNX[change] in said
    assert sorted(os.listdir(tmp_path)) == ["bad.onnx", "secret.bin"]


def header(text: str) -> bytes:
    """A file of NumPy's with a header of one's own, and no data."""
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text.encode()


def described(shape: str, kind: str = "'|i1'") -> bytes:
    return header(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}\n")


ARRAYS = {
    "a huge header": header(" " * (1 << 20)),
    "code as a header": header("__import__('os').mkdir('done')\n"),
    "deep brackets": header("(" * 5000),
    "a huge shape": described("(1 << 40,)".replace("1 << 40", str(1 << 40))),
    "a shape beyond all numbers": described(f"({1 << 62}, {1 << 62})"),
    "a shape that wraps around": described(f"({1 << 32}, {1 << 32})"),
    "a negative shape": described("(-1, 8, 8, 1)"),
    "a shape of words": described("('a', 8)"),
    "a type that is none": described("(1, 8, 8, 1)", "'nothing'"),
    "a type of objects": described("(1, 8, 8, 1)", "'|O'"),
    "no fields": header("{}\n"),
    "another version": b"\x93NUMPY\x09\x00" + bytes(64),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_spoilt_arrays(kind, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes(ARRAYS[kind])
    said = refused(*arguments("run", MODEL, tmp_path))
    assert "x.npy: is not a whole .npy file of numbers" in said
    assert os.listdir(tmp_path) == ["x.npy"]


def test_arrays_in_other_orders_are_the_same_numbers(accel, digits, tmp_path):
    x = np.load(digits)
    assert accel(*arguments("run", MODEL, tmp_path))[0] == 0
    expected = np.load(tmp_path / "y.npy")
    for other in (np.asfortranarray(x), x.astype(">i1")):
        digits.write_bytes(npy(other))
        assert accel(*arguments("run", MODEL, tmp_path))[0] == 0
        np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)


def test_reals_in_the_other_byte_order_are_the_same_numbers(accel, tmp_path):
    (tmp_path / "m.onnx").write_bytes(small_model().SerializeToString())
    x = np.linspace(-9, 9, 25, dtype=np.float32).reshape(1, 1, 5, 5)
    found = []
    for other in (x, x.astype(">f4"), x.astype("<f8")):
        (tmp_path / "x.npy").write_bytes(npy(other))
        assert accel(*arguments("run", tmp_path / "m.onnx", tmp_path))[0] == 0
        found.append(np.load(tmp_path / "y.npy"))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_an_output_that_is_a_link_leaves_what_it_leads_to(accel, digits, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "y.npy").symlink_to(tmp_path / "mine")
    assert accel(*arguments("run", MODEL, tmp_path))[0] == 0
    assert (tmp_path / "mine").read_text() == "mine"
    assert np.load(tmp_path / "y.npy").shape == (2, 10)


def test_output_folders_that_are_links(accel, refused, tmp_path):
    """One that leads to a folder is that folder; one that leads nowhere is refused."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mine").write_text("mine")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    assert accel("compile", MODEL, "-o", tmp_path / "out")[0] == 0
    names = ["layers.json", "listing.txt", "mine", "program.bin"]
    assert sorted(os.listdir(tmp_path / "real")) == names
    (tmp_path / "lost").symlink_to(tmp_path / "none")
    said = refused("compile", MODEL, "-o", tmp_path / "lost")
    assert "lost: cannot be written: " in said
    assert sorted(os.listdir(tmp_path)) == ["lost", "out", "real"]


@pytest.mark.parametrize("damage", ["cut", "only the header"])
def test_damaged_archives(damage, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "x.npz", x=BATCH)
    data = (tmp_path / "x.npz").read_bytes()
    spoilt = {
        "cut": data[: len(data) // 2],
        "only the header": data[:4] + bytes(60),
    }
    (tmp_path / "x.npy").write_bytes(spoilt[damage])
    (tmp_path / "x.npz").unlink()
    said = refused(*arguments("run", MODEL, tmp_path))
    assert "x.npy: is not a whole .npy file of numbers" in said


@pytest.mark.parametrize("array", [np.int8(3), np.zeros((0, 8, 8, 1), np.int8)])
def test_arrays_without_samples(array, refused, tmp_path):
    np.save(tmp_path / "x.npy", array)
    said = refused(*arguments("run", MODEL, tmp_path))
    assert "input 'image' must be int8 [N, 8, 8, 1], not int8 [" in said


def test_a_name_of_a_file_that_is_no_text(accel, tmp_path):
    path = tmp_path / os.fsdecode(b"net\xff\xfe.tflite")
    try:
        path.write_bytes(MODEL.read_bytes())
    except OSError:
        pytest.skip("names of files are UTF-8 here")
    np.save(tmp_path / "x.npy", BATCH)
    code, output, errors = accel("compile", path, "-o", tmp_path / "out")
    assert (code, errors) == (0, "")
    more = ("--html", tmp_path / "h.html", "--json", tmp_path / "j.json", "--trace", tmp_path / "t")
    code, output, errors = accel(*arguments("run", path, tmp_path), *more)
    assert (code, errors) == (0, "")
    assert r"net\xff\xfe" in output.replace("\\\\", "\\")
    assert r"net\\xff\\xfe" in (tmp_path / "j.json").read_text()
