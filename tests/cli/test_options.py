"""No option of any command is dropped or empty, and where nothing can be written is told at
once."""

import os
from pathlib import Path

import pytest
import typer

from accel.cli import app

from .conftest import MODEL


def commands(group=None, prefix=()) -> dict[tuple[str, ...], object]:
    """All commands by their words."""
    group = group or typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():
        words = (*prefix, name)
        found |= commands(command, words) if hasattr(command, "commands") else {words: command}
    return found


def options() -> list[tuple[tuple[str, ...], object]]:
    return [
        (words, param)
        for words, command in commands().items()
        for param in command.params
        if param.param_type_name == "option" and not param.is_eager
    ]


def named(case) -> str:
    words, param = case
    return f"{' '.join(words)} {param.opts[0]}"


def value_of(param) -> list[str]:
    """An option as a user gives it."""
    return [param.opts[0]] if param.is_flag else [param.opts[0], "3"]


SCALARS = [case for case in options() if not case[1].multiple]
VALUED = [case for case in options() if not case[1].is_flag]


def test_there_are_commands_and_options():
    assert ("datapath", "report") in commands()
    assert len(SCALARS) > 80
    assert len(VALUED) > 80


@pytest.mark.parametrize("case", SCALARS, ids=named)
def test_an_option_that_cannot_be_repeated_is_refused_when_it_is(case, refused):
    words, param = case
    given = value_of(param)
    said = refused(*words, *given, *given)
    assert "must be given once, not 2 times" in said
    assert param.opts[0] in said


def test_an_option_and_its_opposite_are_refused(refused):
    said = refused("check", MODEL, "--fuse", "--no-fuse")
    assert said == "--fuse/--no-fuse must be given once, not 2 times; leave one of them"


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("case", VALUED, ids=named)
def test_an_empty_value_is_refused(case, empty, refused):
    words, param = case
    long = next(name for name in param.opts if name.startswith("--"))
    said = refused(*words, param.opts[-1], empty)
    assert said.startswith(f"{long} must be ")
    assert said.endswith(f", not {empty!r}")


@pytest.mark.parametrize("words", [("check",), ("compile", "-o", "x"), ("load", "-p", "x")])
def test_an_empty_argument_is_refused(words, refused):
    assert " must be " in refused(words[0], "", *words[1:])


@pytest.mark.parametrize("command", ["check", "estimate"])
def test_all_boards_that_are_given_are_answered_for(command, accel):
    code, output, errors = accel(command, MODEL, "-b", "icebreaker", "-b", "ulx3s_25f")
    assert code == 0, errors
    for board in ("icebreaker", "ulx3s_25f"):
        assert board in output


def test_a_value_of_the_configuration_is_given_once(refused):
    said = refused("check", MODEL, "--set", "rows=2", "--set", "rows=4")
    assert said == "--set rows must be given once, not 2 and '4'"
    said = refused("check", MODEL, "--rows", "2", "--set", "rows=4")
    assert said.startswith("--set rows must not be given beside the option of its own")


@pytest.mark.parametrize("command", [["estimate"], ["explore", "-o", "sweep"]])
def test_two_networks_of_one_name_are_refused(command, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    Path("other", MODEL.name).write_bytes(MODEL.read_bytes())
    said = refused(*command, MODEL, f"other/{MODEL.name}")
    assert said.startswith("Networks must have different names, not 'digits_int8' for ")
    assert os.listdir() == ["other"]


WORDS = {
    ("build",): ["-b", "icebreaker"],
    ("compile",): [MODEL],
    ("export", "c"): [MODEL],
    ("export", "micropython"): [MODEL],
    ("run",): [MODEL, "-i", "x.npy"],
    ("show",): [MODEL],
    ("estimate",): [MODEL],
    ("check",): [MODEL],
    ("bench",): [],
    ("explore",): [MODEL],
    ("quantize",): ["net.onnx", "-c", "c.npz"],
    ("demo",): [],
    ("datapath", "check"): ["booth"],
    ("datapath", "report"): ["booth"],
    ("datapath", "list"): [],
    ("boards",): [],
    ("doctor",): [],
    ("load",): ["program.bin", "-p", "PORT"],
    ("live",): ["program.bin"],
}
FILES, FOLDERS = ("FILE", "FILE.html", "FILE.json", "FILE.vcd", "Y.npy", "OUT.onnx"), ("DIR",)
PLACES = [case for case in VALUED if case[1].metavar in FILES + FOLDERS and case[0] in WORDS]
# `run --labels` and the like have the same metavar as outputs, and are read.
READ = ("--labels", "--wav", "--folder")
PLACES = [case for case in PLACES if case[1].opts[0] not in READ]


def test_every_place_is_tried():
    assert {words for words, _ in PLACES} == set(WORDS)


def unusable() -> dict[str, str]:
    places = {
        "below a file": "file/x",
        "a name that is too long": "x" * 300,
        "a folder in which nothing can be made": "/proc/x",
    }
    return places if Path("/proc/self").exists() else dict(list(places.items())[:2])


@pytest.mark.parametrize("kind", [*unusable(), "the other kind"])
@pytest.mark.parametrize("case", PLACES, ids=named)
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    case, kind, refused, tmp_path, monkeypatch
):
    """None of the inputs is even there."""
    words, param = case
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder").mkdir()
    other = "file" if param.metavar in FOLDERS else "folder"
    place = unusable().get(kind, other)
    rest = WORDS[words]
    if ("--output" in {o for p in commands()[words].params for o in p.opts}) and (
        "--output" not in param.opts
    ):
        rest = [*rest, "-o", "out"]
    said = refused(*words, *rest, param.opts[0], place)
    assert said.startswith(f"{place}: cannot be written: ")
    assert sorted(os.listdir()) == ["file", "folder"]
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [
        ["run", MODEL, "-i", "x.npy", "-o", "x.npy"],
        ["run", MODEL, "-i", "x.npy", "-o", "y.npy", "--json", "y.npy"],
        ["run", MODEL, "-i", "x.npy", "-o", "y.npy", "--json", "./y.npy"],
        ["show", "net.tflite", "-o", "net.tflite"],
        ["quantize", "net.onnx", "-c", "c.npz", "-o", "net.onnx"],
        ["datapath", "report", "booth", "--json", "a", "--html", "a"],
    ],
    ids=lambda words: " ".join(map(str, words[:1] + words[2:])),
)
def test_nothing_is_written_over_an_input_or_twice(words, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert " must be another file than " in refused(*words)
    assert os.listdir() == []


@pytest.mark.parametrize("variable", ["YOSYS", "NEXTPNR_ICE40", "ICEPACK", "ICETIME", "CXX"])
@pytest.mark.parametrize(
    "words",
    [
        ["build", "-b", "icebreaker", "-o", "out"],
        ["run", MODEL, "-i", "x.npy", "-o", "y.npy", "-e", "rtl"],
        ["explore", MODEL, "-o", "out"],
        ["bench"],
        ["demo"],
        ["datapath", "check", "booth"],
        ["datapath", "report", "booth"],
    ],
    ids=lambda words: words[0],
)
def test_a_variable_that_names_no_tool_is_told_before_the_work(
    words, variable, refused, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "/nonexistent")
    said = refused(*words, code=1)
    assert said.startswith(f"{variable} must name a program that can be run, not '/nonexistent'")
    assert os.listdir() == []


READING = [
    words
    for words, command in commands().items()
    if {"model", "models"} & {param.name for param in command.params} and words != ("quantize",)
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_command_that_reads_a_quantized_model_is_told_what_its_file_does_not_say(words):
    names = {param.name for param in commands()[words].params}
    assert names >= {"signature", "input_quant", "state"}


@pytest.mark.parametrize("rate", ["0", "-5", "299", "100000001", "99999999999999999999"])
@pytest.mark.parametrize("command", ["load", "run", "live", "selftest"])
def test_a_rate_is_one_that_a_line_can_have(accel, command, rate, tmp_path):
    data = ["-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy"] if command == "run" else []
    model = [] if command == "selftest" else [tmp_path / "program.bin"]
    code, _, errors = accel(command, *model, *data, "--port", "sim", "--baud", rate)
    assert code == 2
    assert "Invalid value for '--baud'" in errors


def test_an_empty_argument_is_told_without_its_own_name(refused):
    assert refused("program", "") == "BUILD must be a value, not ''"


def test_a_step_that_there_is_not_is_refused_before_a_core_is_made(refused, monkeypatch):
    monkeypatch.setattr("accel.ports.opened", None)
    said = refused("selftest", "--port", "sim", "--only", "link", "--only", "nosuch")
    assert said.startswith("--only must be one of link, identity, memory, flash, control, ")
    assert said.endswith(", not 'nosuch'")
