"""Types: mypy finds nothing in the package as it is installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.toml import tomllib

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / "pyproject.toml"
PROJECT = tomllib.loads(CONFIGURATION.read_text())
MAPPING = PROJECT["tool"]["setuptools"]["package-dir"]

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("mypy", "amaranth-stubs")),
    reason="mypy or amaranth-stubs is not installed; pip install -e '.[test]'",
)


def problems(folder: Path, cache: Path, *arguments: str) -> str:
    """What mypy prints in ``folder``, without the line that sums it up."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(CONFIGURATION)]
    command += ["--cache-dir", str(cache), "--no-error-summary", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def as_installed(folder: Path) -> Path:
    """The package with the folders that lie beside it in a clone, as an installation has it."""
    package = folder / "accel"
    package.mkdir()
    for entry in (ROOT / "accel").iterdir():
        (package / entry.name).symlink_to(entry)
    for name, source in MAPPING.items():
        if name != "accel":
            (package / name.removeprefix("accel.")).symlink_to(ROOT / source)
    return folder


def test_there_are_no_type_errors(tmp_path):
    """`mypy` in the repository finds no more: there `accel.boards` and `accel.sim` have no
    types."""
    tree = tmp_path / "tree"
    tree.mkdir()
    assert problems(as_installed(tree), tmp_path / "cache", "-p", "accel") == ""


def test_a_type_error_is_found(tmp_path):
    """The configuration switches off nothing that matters: an Optional that is used as if it were
    not."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f(a: str | None) -> int:\n    return len(a)\n")
    assert "arg-type" in problems(tmp_path, tmp_path / "cache", str(wrong))


def test_the_package_says_that_it_has_types():
    assert (ROOT / "accel" / "py.typed").exists()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["accel"]


def test_no_rule_is_switched_off():
    """Overrides name modules without types; no kind of error is disabled. What is left out is
    for MicroPython."""
    settings = PROJECT["tool"]["mypy"]
    allowed = {"files", "python_version", "namespace_packages", "explicit_package_bases"}
    assert set(settings) - {"overrides", "exclude"} <= allowed
    assert settings["exclude"] == ["accel/export/micropython/driver/"]
    for override in settings["overrides"]:
        assert set(override) == {"module", "ignore_missing_imports"}
