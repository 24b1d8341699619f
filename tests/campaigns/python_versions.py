"""The fast part of the tests on several Pythons, each with the oldest NumPy that it may have and
the newest.

    python -m tests.campaigns.python_versions --work FOLDER

Environments are made once, in the folder, and used again. Interpreters are looked for by
name on the PATH and in pyenv's folder. A package without a wheel for a Python is named and left
out; tests that need it are skipped.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.support.toml import tomllib

ROOT = Path(__file__).resolve().parents[2]
# By Python: the oldest NumPy that has wheels for it and that we allow.
OLDEST = {"3.10": "1.26.0", "3.12": "1.26.0", "3.13": "2.1.0"}
SUMMARY = re.compile(r"^(.*) in [\d.]+s.*$")


def interpreter(version: str) -> str | None:
    """A Python of this version: the newest of pyenv's, or one on the PATH that runs."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(root.glob(f"{version}.*/bin/python"), key=lambda p: _numbers(p.parts[-3]))
    named = shutil.which(f"python{version}")  # may be a shim that finds none
    for python in (*reversed(kept), *([named] if named else [])):
        done = subprocess.run([str(python), "--version"], capture_output=True, check=False)
        if done.returncode == 0:
            return str(python)
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def environment(python: str, folder: Path, numpy: str) -> tuple[Path, list[str]]:
    """An environment's interpreter and which packages it lacks; ``numpy`` is a requirement."""
    ours = folder / "bin" / "python"
    done = folder / "lacks"
    if done.exists():
        return ours, done.read_text().split("\n")[:-1]
    _run([python, "-m", "venv", "--clear", str(folder)])
    lacking = []
    wanted = [str(ROOT), numpy, *_test_requirements()]
    if not _installed(ours, wanted):
        wanted = wanted[:2]
        for requirement in _test_requirements():
            if _installed(ours, [*wanted, requirement], "--dry-run"):
                wanted.append(requirement)
            else:
                lacking.append(requirement)
    _run([str(ours), "-m", "pip", "install", "-q", "-e", *wanted])
    new = done.with_suffix(".new")
    new.write_text("".join(f"{requirement}\n" for requirement in lacking))
    new.replace(done)
    return ours, lacking


def _test_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["optional-dependencies"]["test"]


def _installed(python: Path, requirements: list[str], *options: str) -> bool:
    command = [str(python), "-m", "pip", "install", "-q", *options, "-e", *requirements]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def tested(python: Path, log: Path) -> tuple[bool, str]:
    """Whether the fast part passes, and pytest's last line."""
    command = [str(python), "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    with log.open("w") as out:
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False)
    lines = [line for line in log.read_text().split("\n") if SUMMARY.match(line)]
    said = SUMMARY.sub(r"\1", lines[-1]) if lines else f"no summary, see {log}"
    return done.returncode == 0, said


def combinations(versions: list[str]) -> Iterator[tuple[str, str, str]]:
    """A Python, the name of its environment, and the NumPy to require."""
    for version in versions:
        yield version, f"{version}-oldest", f"numpy=={OLDEST[version]}"
        yield version, f"{version}-newest", f"numpy>={OLDEST[version]}"


def main() -> int:
    """Make what is missing, run all, print a table; fail if any run does."""
    parser = argparse.ArgumentParser(description="Run the fast tests on several Pythons.")
    parser.add_argument("--work", type=Path, required=True, help="folder of the environments")
    parser.add_argument("--only", nargs="*", default=[], help="names such as 3.12-oldest")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    table, failed = Table("Python", "NumPy", "the fast part", "lacks"), False
    for version, name, numpy in combinations(list(OLDEST)):
        if options.only and name not in options.only:
            continue
        python = interpreter(version)
        if python is None:
            table.add_row(version, "", "not tried: no such Python here", "")
            failed = True
            continue
        ours, lacking = environment(python, work / name, numpy)
        passes, said = tested(ours, work / f"{name}.log")
        failed |= not passes
        table.add_row(*_versions(ours), said, ", ".join(lacking))
        Console().print(f"{name}: {said}")
    Console().print(table)
    return int(failed)


def _versions(python: Path) -> tuple[str, str]:
    code = "import numpy, platform; print(platform.python_version(), numpy.__version__)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    return first, second


if __name__ == "__main__":
    sys.exit(main())
