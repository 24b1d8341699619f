"""The front page: understood in a minute, and its commands and its code work."""

import re
from pathlib import Path

from accel.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
TEXT = README.read_text()
MOST_LINES, WIDEST = 120, 120


def test_it_is_read_in_a_minute():
    lines = TEXT.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDEST
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) == [
        "Four doors",
        "Results",
        "How it works",
        "What it does not do",
    ]


def test_the_code_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 -- it is our own README
    assert "cycles an inference" in capsys.readouterr().out


def test_both_commands_are_a_line_that_makes_its_own_environment():
    commands = re.findall(r"^    (python3 -m venv .*)$", TEXT, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -e ")
        assert " && .venv/bin/" in command


def test_options_and_commands_that_are_named_exist():
    known = {command.callback.__name__ for command in app.registered_commands}
    known |= {group.typer_instance.info.name for group in app.registered_groups}
    named = set(re.findall(r"`accel (\w+)", TEXT)) - {"COMMAND"}
    assert named <= known


def test_every_door_names_a_command_and_a_place():
    doors = re.findall(r"^\| \*\*(.*?)\*\* \|(.*)$", TEXT, re.MULTILINE)
    assert [name for name, _ in doors] == [
        "have a board",
        "have a network",
        "test in CI",
        "design hardware",
    ]
    assert all("`" in row and "](" in row for _, row in doors)
