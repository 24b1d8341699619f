"""The command line in this process, and files to give to it."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from accel.cli import app
from tests.flow.conftest import fake_tool  # noqa: F401 -- a fixture

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
MODEL = DIGITS / "digits_int8.tflite"


@pytest.fixture
def accel(monkeypatch):
    """Return a function that runs a command and gives (exit code, output, errors)."""
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, [str(a) for a in arguments], prog_name="accel")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture
def refused(accel):
    """Return a function that runs a command that must end with 2 and one message, and gives it."""

    def run(*arguments, code: int = 2) -> str:
        found, _, errors = accel(*arguments)
        assert found == code, errors
        assert errors.count("error: ") == 1
        assert "Traceback" not in errors
        return re.sub(r"\A.*^error: ", "", errors, flags=re.DOTALL | re.MULTILINE).rstrip("\n")

    return run


@pytest.fixture
def digits(tmp_path):
    """Path of a batch of two images."""
    with np.load(DIGITS / "test_images.npz") as archive:
        np.save(tmp_path / "x.npy", archive["x"][:2])
    return tmp_path / "x.npy"
