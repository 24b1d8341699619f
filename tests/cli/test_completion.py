"""What a shell offers where a name is typed, asked as a shell asks."""

import pytest
from typer.testing import CliRunner

from accel.boards import BOARDS
from accel.cli import app
from accel.config import AcceleratorConfig
from accel.core.pe import ELEMENTS
from accel.executors import EXECUTORS
from accel.numeric.formats import FORMATS

from .test_options import commands


def offered(line: str) -> list[str]:
    """The names that are offered at the end of a line."""
    words = line.split(" ")
    environment = {
        "_ACCEL_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = CliRunner().invoke(app, [], prog_name="accel", env=environment)
    assert done.exit_code == 0, done.output
    return done.stdout.split()


def options(name: str, *without: tuple[str, ...]) -> list[str]:
    return [
        " ".join(words)
        for words, command in commands().items()
        if any(name in param.opts for param in command.params) and words not in without
    ]


@pytest.mark.parametrize("command", options("--board"))
def test_boards(command):
    known = set(BOARDS)
    assert set(offered(f"accel {command} --board ")) - {"all"} == known
    assert set(offered(f"accel {command} -b ice")) == {n for n in known if n.startswith("ice")}


@pytest.mark.parametrize("command", options("--format"))
def test_formats(command):
    assert offered(f"accel {command} --format ") == list(FORMATS)
    assert offered(f"accel {command} --format int8_") == [n for n in FORMATS if n[:5] == "int8_"]


@pytest.mark.parametrize("command", options("--pe"))
def test_elements(command):
    assert offered(f"accel {command} --pe ") == list(ELEMENTS)


def test_executors():
    assert offered("accel run model.tflite --executor ") == list(EXECUTORS)
    assert offered("accel run model.tflite -e r") == ["reference", "rtl"]


def test_of_several_names_the_last():
    assert "int8,int8_int4" in offered("accel explore --format int8,int8_i")
    assert offered("accel explore --pe booth,pa") == ["booth,packed"]


@pytest.mark.parametrize("command", ["check", "report"])
def test_formats_and_elements_as_arguments(command):
    assert offered(f"accel datapath {command} ") == [*FORMATS, *ELEMENTS]


def test_names_of_the_configuration():
    assert offered("accel check --set weight_s") == ["weight_steps="]
    assert "rows=" in offered("accel check --set ")
    assert len(offered("accel check --set ")) == len(AcceleratorConfig.__dataclass_fields__)


def test_a_command_is_offered_by_its_name():
    assert offered("accel che") == ["check"]


def test_words_of_quantize():
    assert offered("accel quantize --method ") == ["minmax", "entropy", "percentile"]
    assert offered("accel quantize --weights ") == ["int8", "int4", "ternary"]
