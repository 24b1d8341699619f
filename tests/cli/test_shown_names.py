"""Names of files, tensors and layers can neither write to a terminal's screen nor turn text
around."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from accel.cli import app
from accel.sim.compare import assert_same
from accel.text import escaped

LOW_BIT = Path(__file__).parents[2] / "examples" / "low_bit"
# Clears the screen; sets its title; turns direction; hides; begins another line; half a character.
BAD = "\x1b[2J\x1b]0;x\x07\u202e\u2066\u200b\x9b31m\x7f\u2028\r"


def unreadable(text):
    """Characters that a terminal or a browser would do something else with than show."""
    return {c for c in text if not c.isprintable() and c != "\n"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A real network whose every name is bad, in a file of such a name."""
    source = LOW_BIT / "tfc_w1a1.onnx"
    network = onnx.load(source)
    renamed = {}

    def bad(name):
        return renamed.setdefault(name, f"{name}{BAD}\n{len(renamed)}") if name else name

    graph = network.graph
    for node in graph.node:
        node.name = bad(node.name)
        node.input[:] = list(map(bad, node.input))
        node.output[:] = list(map(bad, node.output))
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = bad(value.name)
    path = tmp_path_factory.mktemp("bad") / f"net{BAD.replace('/', '')}.onnx"
    onnx.save(network, path)
    return path


def run(*words):
    # A wide terminal, so that names stay in one piece.
    done = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "400"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("check", "--board", "icebreaker"),
        ("check", "-b", "all"),
        ("estimate",),
        ("compile", "-o", "OUT"),
        ("show", "-o", "OUT.html"),
        ("run", "-o", "y.npy", "-i", "missing\x1b[31m\u202e.npy"),
        ("run", "-i", "x.npy", "-o", "y.npy", "--layers", "layers"),
        ("compile", "-o", "missing\x1b[31m/\u202e/there"),
        ("quantize", "-o", "OUT.onnx", "--data", "missing\x1b[31m.npz"),
        ("run", "-i", "x.npy", "-o", "y.npy", "-e", "no\x1b[31m"),
        ("run", "-i", "x.npy", "-o", "y.npy", "-b", "no\x1b[31m\u202e"),
    ],
    ids=" ".join,
)
def test_nothing_unreadable_is_printed(command, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros((1, 64), np.float32))
    done = run(command[0], model, *command[1:])
    assert done.output.strip()
    assert unreadable(done.output) == set()


def test_no_command_is_told_what_to_do_by_its_name():
    assert unreadable(run("no\x1b[31m\u202e").output) == set()


def test_a_listing_a_page_and_a_trace_show_names_that_can_be_read(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("compile", model, "-o", "out").exit_code == 0
    for path in (tmp_path / "out").iterdir():
        if path.suffix in (".txt", ".json", ".lst"):
            assert unreadable(path.read_text()) <= {"\t"}, path.name
    assert run("show", model, "-o", "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text().split("</script>", 1)[-1]
    assert escaped(BAD) in page
    found = unreadable(page)
    assert found <= {"\t"}, found


def test_a_timeline_shows_names_that_can_be_read(model):
    import accel
    from accel.pictures.timeline import timeline

    text = json.dumps(timeline(accel.compile(model).report(), 12.0), ensure_ascii=False)
    assert escaped(BAD).replace("\\", "\\\\") in text
    assert unreadable(text) == set()


def test_what_differs_is_named_readably():
    with pytest.raises(AssertionError) as told:
        assert_same({f"a{BAD}": np.zeros(2)}, {f"a{BAD}": np.ones(2)})
    assert unreadable(str(told.value)) == set()


def test_every_character_that_is_no_text_is_spelled():
    wrong = [
        code
        for code in (*range(0x3000), *range(0xD7F0, 0x10100), 0xE0001, sys.maxunicode)
        if (not chr(code).isprintable()) == (escaped(chr(code)) == chr(code))
    ]
    assert wrong == []
    assert escaped("Größe 日本") == "Größe 日本"
