"""``accel export c`` and ``accel export micropython``: whole folders, or a reason by name."""

import json
import shutil
import subprocess

import pytest

from tests.support.networks.onnx.floating import small

from .conftest import MODEL

FILES = {
    "c": {
        "accel.h",
        "accel.c",
        "accel_nodes.h",
        "accel_nodes.c",
        "main.c",
        "program.h",
        "program.c",
        "README.md",
    },
    "micropython": {
        "accel_driver.py",
        "accel_links.py",
        "accel_nodes.py",
        "example.py",
        "program.dat",
        "README.md",
    },
}


@pytest.mark.parametrize("kind", FILES)
def test_a_folder_has_what_is_told(kind, accel, tmp_path):
    folder, told = tmp_path / "out", tmp_path / "told.json"
    code, output, errors = accel("export", kind, MODEL, "-o", folder, "--json", told)
    assert code == 0, errors
    assert "9,320 bytes to load, 7,670 cycles" in output
    assert {path.name for path in folder.iterdir()} == FILES[kind]
    answer = json.loads(told.read_text())
    assert {path.rpartition("/")[2] for path in answer["files"]} == FILES[kind]
    assert (answer["board"], answer["bytes"], answer["flash_bytes"]) == ("icebreaker", 9320, 0)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
def test_what_the_readme_says_compiles(accel, tmp_path):
    accel("export", "c", MODEL, "-o", tmp_path)
    (command,) = (
        line.strip()
        for line in (tmp_path / "README.md").read_text().splitlines()
        if line.startswith("    cc ")
    )
    words = ["gcc", *command.split()[1:], "-pedantic", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(words, cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "infer"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr.split(" ", 1)[0]) == (2, "usage:")


@pytest.mark.parametrize("kind", FILES)
def test_what_is_read_from_flash_comes_with_how_to_write_it(kind, accel, tmp_path):
    options = ("--set", "flash_lanes=4", "--set", "bank_words=512", "--board", "icebreaker")
    code, output, errors = accel("export", kind, MODEL, "-o", tmp_path / "out", *options)
    assert code == 0, errors
    assert "bytes of it come from the board's flash: iceprog -o" in output
    assert (tmp_path / "out/program.bin").stat().st_size
    assert "iceprog" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_model_is_told(kind, refused, tmp_path):
    (tmp_path / "net.onnx").write_bytes(small().bytes())  # of float32 numbers
    said = refused("export", kind, tmp_path / "net.onnx", "-o", tmp_path / "out")
    assert "accel quantize" in said
    assert not (tmp_path / "out").exists()
