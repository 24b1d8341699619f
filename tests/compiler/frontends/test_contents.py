"""What a file holds is opened whatever its name and wrapping, and what it is not is told."""

import io
import zipfile

import numpy as np
import pytest

from accel.cli.tables.matrix import answers
from accel.compiler.frontends import Contents, UnsupportedModel, _c_array, _contents, bytes_of, load
from accel.compiler.frontends._contents import MAX_BYTES, MAX_MEMBERS
from accel.explore.network import Network
from tests.compiler.frontends.tflite.test_reader import small_model

MODEL = small_model()
HEX = ", ".join(f"0x{value:02X}" for value in MODEL)
DECIMAL = ",\n".join(str(value) for value in MODEL)
SIGNED = ", ".join(str(value - 256 if value > 127 else value) for value in MODEL)
OCTAL = ", ".join(f"0{value:o}" for value in MODEL)

LENGTH = f"unsigned int m_len = {len(MODEL)};\n"
SOURCES = {
    "xxd": f"unsigned char m[] = {{\n {HEX}\n}};\n{LENGTH}",
    "tflm": f'#include "m//*.h"\nalignas(16) const unsigned char g_model[] = {{{HEX},}};\n'
    f"const int g_model_len = {len(MODEL)};",
    "decimal": f"const uint8_t m[{len(MODEL)}] DATA_ALIGN_ATTRIBUTE = {{{DECIMAL}}};",
    "attribute": f"const unsigned char m[] __attribute__((aligned(16))) = {{{HEX}}};",
    "signed": f"static const int8_t m[] PROGMEM = {{ {SIGNED} }};",
    "octal": f"char m[] = {{{OCTAL}}};",
    "comments": f"/* of { {1} } */ // unsigned char n[] = {{1}};\nconst unsigned char m[] = {{ /* "
    f"first */ {HEX} // last\n}};",
    "namespace": f"namespace models {{ namespace {{ const unsigned char m[] = {{{HEX}}}; }} }}",
    "beside others": f"const unsigned char labels[] = {{1, 2, 3}};\nint n[] = {{ {HEX} }};\n"
    f'const char* names[] = {{"a", "b"}};\nconst unsigned char m[] = {{{HEX}}};',
}


def saved(folder, name, data):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def archive(members, **options) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return made.getvalue()


def refusal(path) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["m.h", "m.cc", "m.tflite"])
@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_a_c_array_is_the_model_that_it_holds(text, name, tmp_path):
    path = saved(tmp_path, name, text)
    assert bytes_of(path) == Contents(name=name, data=MODEL, file=name)
    assert load(path).file == name


def test_of_several_arrays_one_is_named(tmp_path):
    one, other = (f"const unsigned char {name}[] = {{{HEX}}};" for name in ("one", "other"))
    path = saved(tmp_path, "m.cc", f"{one}\n{other}")
    text = "m.cc: holds 2 models (one, other); name one C array, as m.cc:one"
    assert refusal(path) == text
    assert load(f"{path}:other").name == "m"
    assert refusal(f"{path}:third") == (
        "m.cc:third: has no array 'third' that is a model; use one of one, other"
    )


@pytest.mark.parametrize(
    "text", ["unsigned char m[] = {1, 2};", f"int m[] = {{{HEX}}};", "char m[] = {256};", "{" * 999]
)
def test_a_source_without_a_model_is_told(text, tmp_path):
    assert (
        "is a C source whose arrays are no models"
        in (said := refusal(saved(tmp_path, "m.h", text)))
        or "is not a model file" in said
    )


@pytest.mark.parametrize("text", ["/*" * 200_000, "char m[" * 50_000 + "{", "{" * 300_000 + "}"])
def test_reading_a_source_takes_time_by_its_length(text):
    assert list(_c_array.byte_arrays(text.encode())) == []


def test_a_model_in_an_archive_is_opened(tmp_path):
    path = saved(tmp_path, "m.zip", archive({"a/README.md": "{}", "a/net.tflite": MODEL}))
    assert bytes_of(path) == Contents(name="m.zip:a/net.tflite", data=MODEL, file="a/net.tflite")
    assert load(path).name == "net"
    inside = {"src/model.cc": SOURCES["tflm"], "src/main.c": "int main() { return 0; }"}
    path = saved(tmp_path, "s.zip", archive({"src/model.cc": inside["src/model.cc"]}))
    assert bytes_of(path).data == MODEL


def test_of_several_models_in_an_archive_one_is_named(tmp_path):
    path = saved(tmp_path, "m.zip", archive({"a.tflite": MODEL, "b/c.bin": MODEL, "d.txt": "d"}))
    assert refusal(path) == (
        "m.zip: holds 2 models (a.tflite, b/c.bin); name one member, as m.zip:a.tflite"
    )
    assert load(f"{path}:b/c.bin").file == "m.zip:b/c.bin"
    assert "use one of a.tflite, b/c.bin" in refusal(f"{path}:other.tflite")
    (answer,) = answers(f"{path}:a.tflite", [_icebreaker()], None)
    assert answer.runs, answer.reasons


def _icebreaker():
    from accel.api import configuration
    from accel.boards import get

    return get("icebreaker"), configuration("icebreaker")


def test_members_that_leave_the_archive_are_not_opened(tmp_path):
    members = {"../m.tflite": MODEL, "/m.tflite": MODEL, "a/../../m.tflite": MODEL}
    members |= {"__MACOSX/._m.tflite": MODEL, "a\\..\\..\\m.tflite": MODEL}
    path = saved(tmp_path, "m.zip", archive(members))
    assert refusal(path) == "m.zip: holds no model file; pack the .tflite or .onnx file itself"
    assert refusal(f"{path}:../m.tflite").startswith("m.zip:../m.tflite: holds no model file")


def test_an_archive_cannot_fill_the_memory(tmp_path, monkeypatch):
    path = saved(tmp_path, "m.zip", archive({"m.tflite": MODEL[:64] + bytes(2**20)}))
    monkeypatch.setattr(_contents, "MAX_BYTES", 2**19)
    assert "is larger than" in refusal(path)
    many = archive({f"{n}": "" for n in range(MAX_MEMBERS + 1)})
    monkeypatch.setattr(_contents, "MAX_BYTES", MAX_BYTES)
    assert "has 4,097 members, more than 4,096" in refusal(saved(tmp_path, "n.zip", many))


def test_a_size_that_an_archive_lies_about_is_not_trusted(tmp_path):
    data = bytearray(archive({"m.tflite": MODEL}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (2**31 - 1).to_bytes(4, "little")
    assert "is larger than 256 MiB" in refusal(saved(tmp_path, "m.zip", bytes(data)))


def test_broken_archives_are_told(tmp_path):
    whole = archive({"m.tflite": MODEL})
    rng = np.random.default_rng(1)
    for end in rng.integers(4, len(whole), 20):
        assert "cannot be read" in refusal(saved(tmp_path, "m.zip", whole[:end]))
    for _ in range(60):
        spoilt = bytearray(whole)
        spoilt[rng.integers(4, len(whole))] ^= 1 << rng.integers(8)
        try:
            load(saved(tmp_path, "m.zip", bytes(spoilt)))
        except UnsupportedModel as error:
            assert str(error)


KERAS = {"config.json": "{}", "model.weights.h5": "", "metadata.json": ""}
FOREIGN = {
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 5\n",
        "m.tflite",
        "m.tflite: is a Git LFS pointer, not the model that it stands for; run `git lfs pull` in",
    ),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "m.tflite", "from_keras_model"),
    "Keras": (archive(KERAS), "m.keras", "m.keras: is a Keras model; convert it with tf.lite."),
    "PyTorch": (archive({"a/data.pkl": ""}), "m.pt", "is a PyTorch model; export it with torch"),
    "pickle": (b"\x80\x02", "m.pth", "export it with torch.onnx.export, then quantize it"),
    "a frozen graph": (b"\x0a\x10", "m.pb", "from_saved_model"),
    "a web page": (b"\n<!DOCTYPE html><html>", "m.onnx", "is a web page"),
    "gzip": (b"\x1f\x8b\x08", "m.tflite", "is compressed with gzip; unpack it with `gunzip`"),
    "arrays": (archive({"x.npy": ""}), "m.npz", "is a file of NumPy arrays, not a network"),
    "nothing": (b"", "m.tflite", "m.tflite: is empty; download or export it again"),
}


@pytest.mark.parametrize(("data", "name", "text"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_no_model_is_named(data, name, text, tmp_path):
    assert text in refusal(saved(tmp_path, name, data))


def test_a_folder_is_named(tmp_path):
    assert "is a folder; give the model's file" in refusal(tmp_path)
    saved(tmp_path, "saved_model.pb", b"")
    assert "is the folder of a SavedModel; convert its folder" in refusal(tmp_path)


def test_a_network_is_the_same_for_a_sweep_however_it_is_wrapped(tmp_path):
    plain = Network.read(saved(tmp_path, "net.tflite", MODEL))
    packed = Network.read(saved(tmp_path, "m.zip", archive({"net.tflite": MODEL})))
    assert packed.digest == plain.digest
    assert packed.name == "net" == packed.graph().name
