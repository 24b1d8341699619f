"""The Pythons and NumPys that the fast part is run on are those that the project allows."""

import platform
import subprocess
from pathlib import Path

from tests.campaigns.python_versions import OLDEST, SUMMARY, combinations, interpreter
from tests.support.toml import tomllib

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_oldest_are_the_oldest_that_are_allowed():
    (numpy,) = (name for name in PROJECT["dependencies"] if name.startswith("numpy"))
    least = numbers(numpy.removeprefix("numpy>="))
    assert min(map(numbers, OLDEST.values()))[: len(least)] == least
    assert min(map(numbers, OLDEST)) == numbers(PROJECT["requires-python"].removeprefix(">="))


def test_each_python_has_two_environments():
    names = [name for _, name, _ in combinations(list(OLDEST))]
    assert len(set(names)) == 2 * len(OLDEST)


def test_an_interpreter_that_is_found_runs():
    version = ".".join(platform.python_version_tuple()[:2])
    found = interpreter(version)
    if found is not None:  # it may be in an environment alone
        done = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"Python {version}.")


def test_a_version_that_nobody_has_is_none():
    assert interpreter("2.99") is None


def test_a_summary_is_told_from_other_lines():
    line = "2 failed, 1963 passed, 15 skipped, 2091 deselected in 545.94s (0:09:05)"
    assert SUMMARY.sub(r"\1", line) == "2 failed, 1963 passed, 15 skipped, 2091 deselected"
    assert not SUMMARY.match("........ [ 36%]")
