"""Every command that we print or write works as it stands.

They are collected from all Markdown files and notebooks and from the docstrings and messages of all
sources.
"""

import ast
import contextlib
import dataclasses
import re
from itertools import pairwise
from pathlib import Path

import pytest
import tomllib
import typer
from packaging.requirements import Requirement

from accel import advice
from accel.cli import app
from accel.flow.tools import REQUIREMENTS
from tests.support.commands_in_text import ROOT, VALUE, Command, in_markdown, in_python

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = PROJECT["name"]
FOLDERS = ("accel", "boards", "examples", "sim")


def files(pattern: str) -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob(pattern))]
    return [path for path in found if "build" not in path.parts]


MARKDOWN = [*sorted(ROOT.glob("*.md")), *files("*.md"), *sorted((ROOT / "tests").rglob("*.md"))]
MARKDOWN += files("*.ipynb")
COMMANDS = [command for path in MARKDOWN for command in in_markdown(path)]
COMMANDS += [command for path in files("*.py") for command in in_python(path)]


def of(*programs: str) -> list[Command]:
    return [command for command in COMMANDS if command.words[0] in programs]


# What is installed.


def test_our_name_on_the_index_is_not_another_projects():
    assert OURS == advice.DISTRIBUTION == "accel-fpga"
    assert PROJECT["scripts"] == {"accel": "accel.__main__:main"}


def test_no_example_depends_on_the_other_project():
    stated = [tomllib.loads(path.read_text())["project"] for path in files("pyproject.toml")]
    assert len(stated) >= 3
    named = {Requirement(line).name for one in stated for line in one.get("dependencies", ())}
    assert OURS in named and "accel" not in named


def known_packages() -> set[str]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return {Requirement(line).name for lines in lists for line in lines}


def installs() -> list[tuple[Command, str]]:
    """Each thing that a command installs."""
    found = []
    for command in COMMANDS:
        words = list(command.words)
        if "install" in words and "pip" in words:
            after = words[words.index("install") + 1 :]
            found += [(command, word) for word in after if not word.startswith("-")]
    return found


def test_what_is_installed_is_there():
    assert len(installs()) >= 6
    for command, what in installs():
        if VALUE in what:
            continue  # `test_what_a_tool_is_installed_with`
        path, extras = re.fullmatch(r"([^\[]*)(?:\[(.*)\])?", what).groups()
        if path.startswith("."):
            assert (command.folder / path / "pyproject.toml").exists(), command
            assert set((extras or "").split(",")) - {""} <= set(PROJECT["optional-dependencies"])
        else:
            assert Requirement(what).name in known_packages(), command


def test_what_a_tool_is_installed_with():
    assert {r.package for r in REQUIREMENTS.values()} - {None} <= known_packages()


def test_no_text_installs_what_is_called_as_we_are_imported():
    """Not even where no command was found in it."""
    for path in (*MARKDOWN, *files("*.py"), *sorted((ROOT / "tests").rglob("*.py"))):
        if path != Path(__file__):
            assert not re.search(r"pip install[^\n]*[ '\"]accel(\[|\s|'|\"|$)", path.read_text()), (
                path
            )


# Our own commands.

UsageError = typer.BadParameter.__base__  # of the parser that typer brings along, or does not


def parse(command: Command) -> None:
    """Have the command line read a command, without running it."""
    words, found = list(command.words[1:]), typer.main.get_command(app)
    context = found.context_class(found, info_name="accel")
    while hasattr(found, "get_command"):
        if words[0].startswith("-") or not words[0].islower():
            return  # `accel COMMAND --help`
        name = words.pop(0)
        found = found.get_command(context, name)
        assert found is not None, f"{command}: there is no {name!r}"
        if not words:
            return
    open_ended = bool({"...", "NAME..."} & set(words)) or not command.whole
    words = [{"N": "1"}.get(word, word) for word in words if word != "..."]
    if "--help" in words:
        return
    try:
        found.make_context(found.name, words, parent=context)
    except UsageError as problem:
        lacking = type(problem).__name__ in ("MissingParameter", "BadOptionUsage")
        assert open_ended and lacking, f"{command}: {problem}"


def test_our_commands_and_their_options_exist():
    ours = of("accel")
    assert len(ours) > 60
    for command in ours:
        with contextlib.suppress(typer.Exit):  # of what lists something and ends
            parse(command)


@pytest.mark.parametrize(
    "line",
    [
        "accel chek MODEL",
        "accel check MODEL --boards icebreaker",
        "accel check MODEL --rows four",
        "accel run MODEL",
        "accel datapath weigh shift3",
        "accel compile -o program",
    ],
)
def test_a_command_that_does_not_work_is_found(line, tmp_path):
    text = tmp_path / "README.md"
    text.write_text(f"As follows:\n\n    {line}\n")
    (command,) = in_markdown(text)
    with pytest.raises(AssertionError):
        parse(dataclasses.replace(command, file=ROOT / "README.md"))


def test_a_command_on_several_lines_is_read_whole(tmp_path):
    text = tmp_path / "README.md"
    text.write_text(
        "As follows:\n\n    accel check MODEL \\\n        --board icebreaker\n\nDone.\n"
    )
    (command,) = in_markdown(text)
    assert command.words == ("accel", "check", "MODEL", "--board", "icebreaker")


def options() -> set[str]:
    """All options of all commands."""
    found, waiting = set(), [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found |= {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)}
    return found


def script_options(tree: ast.Module) -> set[str]:
    """Options that a script or a plugin has itself."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    added = (c for c in calls if getattr(c.func, "attr", "") in ("add_argument", "addoption"))
    return {ast.literal_eval(call.args[0]) for call in added}


# Of other programs that messages and docstrings speak of.
OTHERS = {"--enable-quad", "--unprotect-flash", "--help", "--report", "--update-golden", "--write"}


def test_options_that_messages_name_exist():
    plugin = script_options(ast.parse((ROOT / "sim/pytest_plugin.py").read_text()))
    ours = options() | plugin | OTHERS
    for path in files("*.py"):
        tree = ast.parse(path.read_text())
        known = ours | script_options(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", node.value))
                assert named <= known, (path, node.lineno, named - known)


def test_options_that_documents_name_exist():
    scripts = [*files("*.py"), *sorted((ROOT / "tests").rglob("*.py"))]
    known = options() | OTHERS
    known |= {option for path in scripts for option in script_options(ast.parse(path.read_text()))}
    for path in MARKDOWN:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", line))
            assert named <= known, (path, number, named - known)


# Files.

INPUTS = {"-i", "--inputs", "-c", "--calibration", "-t", "--test", "--data"}


def inputs(words: tuple[str, ...]) -> list[str]:
    """Files that a command reads: models, and what follows such an option."""
    named = [word for before, word in pairwise(words) if before in INPUTS]
    outputs = {word for before, word in pairwise(words) if before == "-o"}
    models = [w for w in words[2:] if w.endswith((".onnx", ".tflite")) and w not in outputs]
    return [name for name in (*models, *named) if re.search(r"[a-z]", Path(name).stem)]


def test_what_a_command_reads_is_there_or_was_made_before():
    seen = 0
    for command in of("accel"):
        if command.whole and command.file.suffix == ".md":
            for name in inputs(command.words):
                seen += 1
                assert name in command.made or (command.folder / name).exists(), (command, name)
    assert seen > 20


def test_scripts_that_are_run_are_there():
    scripts = [c for c in of("python", "python3") if not c.words[1].startswith("-")]
    assert len(scripts) >= 3
    for command in scripts:
        assert any((base / command.words[1]).is_file() for base in (command.folder, ROOT)), command


def test_code_on_the_command_line_is_python():
    for command in of("python", "python3"):
        if command.words[1] == "-c":
            compile(command.words[2], str(command), "exec")


# Advice.


@pytest.mark.parametrize(
    "extra", [name for name in PROJECT["optional-dependencies"] if name != "test"]
)
def test_an_extras_advice_names_its_packages(extra):
    """So that it works from a clone and from a wheel, wherever we were got from."""
    assert extra in advice.EXTRAS
    stated = {Requirement(line).name for line in PROJECT["optional-dependencies"][extra]}
    found = advice.requirements(extra)
    assert set(found) == stated
    said = advice.how_to_install(extra)
    assert all(f'"{specification}"' in said for specification in found.values())


def test_what_is_always_needed_is_known():
    names = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert set(advice.requirements()) == names
    assert set(advice.EXTRAS) == set(PROJECT["optional-dependencies"]) - {"test"}


def test_a_package_is_installed_in_the_version_that_we_need():
    assert advice.how_to_install_package("optuna").endswith(' -m pip install "optuna>=4"')
    assert advice.how_to_install_package("other").endswith(" -m pip install other")


def test_where_we_are_not_installed_the_advice_is_for_our_sources(monkeypatch):
    monkeypatch.setattr(advice, "DISTRIBUTION", "no-such-distribution-of-ours")
    assert advice.how_to_install("serial").endswith(' -m pip install -e ".[serial]"')
    assert advice.how_to_install().endswith(" -m pip install -e .")
    assert advice.requirements("serial") == {}


def test_the_python_that_runs_is_the_one_that_is_installed_for(monkeypatch):
    monkeypatch.setattr(advice.sys, "executable", "/a folder/python")
    assert advice.how_to_install("serial").startswith('"/a folder/python" -m pip install ')
