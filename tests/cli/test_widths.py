"""Names that one must type are never broken over lines, however narrow the screen."""

import os
import re
import subprocess
import sys

import pytest

from accel import boards
from accel.cli._output import console
from accel.cli.tables.listing import name, table
from accel.compiler.frontends import load
from accel.core.pe import ELEMENTS
from accel.numeric.formats import FORMATS

from .conftest import MODEL
from .test_options import commands


def piped(*words: str, columns: int = 80) -> str:
    """What a command prints into a pipe."""
    environment = os.environ | {"COLUMNS": str(columns)}
    command = [sys.executable, "-m", "accel", *map(str, words)]
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("columns", [40, 80])
def test_boards_formats_and_elements_are_whole(columns, accel, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    _, listed, _ = accel("boards")
    for board in boards.BOARDS.values():
        assert board.name in listed
        assert board.device in listed
    _, checked, _ = accel("check", MODEL)
    assert all(f"│ {board} " in checked for board in boards.BOARDS)
    _, listed, _ = accel("datapath", "list")
    assert all(f"│ {one} " in listed for one in (*FORMATS, *ELEMENTS))


def test_tables_of_a_pipe_fit_80_columns():
    lines = [line for line in piped("check", MODEL).splitlines() if line[:1] in "┏│└"]
    assert len(lines) > len(boards.BOARDS)
    assert max(map(len, lines)) <= 80


def test_operators_are_whole(accel, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    _, output, _ = accel("check", MODEL, "-b", "icebreaker")
    for node in load(MODEL):
        assert f"│ {node.name} " in output


def test_names_of_files_are_whole_even_with_spaces(accel, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"a network of mine {number}.tflite" for number in range(3)]
    for one in names:
        (tmp_path / one).write_bytes(MODEL.read_bytes())
    paths = [tmp_path / one for one in names]
    _, output, _ = accel("check", *paths, "-b", "icebreaker", "-b", "ulx3s_25f")
    _, alone, _ = accel("check", *paths, "-b", "icebreaker")
    assert all(one in output and one in alone for one in names)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_options_and_examples_of_the_help_are_whole(words, accel, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, output, _ = accel(*words, "--help")
    command = commands()[words]
    for param in command.params:
        if param.param_type_name == "option":
            for option in (*param.opts, *param.secondary_opts):
                assert re.search(rf"{option}(?![\w-])", output), option
    examples = re.findall(r"^ *(accel (?:.*\\\n)*.*)$", command.help, re.MULTILINE)
    assert examples
    lines = [line.strip() for line in output.splitlines()]
    for example in examples:
        for line in example.splitlines():
            assert line.strip() in lines


def test_the_commands_stand_in_groups(accel):
    _, output, _ = accel("--help")
    groups = re.findall(r"─ ([A-Z][\w ]+) ─", output)
    assert groups == ["Options", "Begin", "Networks", "Hardware", "Boards", "This installation"]
    assert all(f"│ {words[0]} " in output for words in commands())


def test_texts_are_narrowed_before_numbers_and_nothing_below_its_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    listing = table("text", ">number", "name")
    listing.add_row("several short words", "12.5 %", name("of a file"))
    assert listing.fit(console()) == 7 + 6 + 9 + 3 * 3 + 1  # more than there are
    assert [column.width for column in listing.columns] == [7, 6, 9]
    monkeypatch.setenv("COLUMNS", "60")
    assert listing.fit(console()) == 19 + 6 + 9 + 3 * 3 + 1
