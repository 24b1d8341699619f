"""A copy of the project in which a change is made, and the tests that are asked about it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

from .changes import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = {"accel": "", "sim": "sim", "boards": "boards"}  # sources, and where their tests are
LINKS = {"accel/boards": "boards", "accel/sim": "sim", "accel/digits": "examples/digits"}
# What looks at whole networks: on the functional machine, and in compiled RTL with its cycles.
PROGRAMS = "tests/compiler/test_programs.py"
ON_THE_MACHINE = ("tests/end_to_end/test_digits.py", "tests/end_to_end/test_branches.py")
IN_RTL = ("tests/sim/cycles/test_cycle_model.py", "tests/end_to_end/test_digits.py")
# Where no test has a file's name: what looks at it, by how its path begins; the first one counts.
_ONNX = "tests/compiler/frontends/onnx"
LOOKED_AT_BY = {
    "accel/compiler/frontends/onnx/low_bit": (f"{_ONNX}/low_bit/test_qonnx.py",),
    "accel/compiler/frontends/onnx/linear": (f"{_ONNX}/test_biases.py", f"{_ONNX}/test_fusion.py"),
    "accel/compiler/frontends/onnx/pools": (f"{_ONNX}/test_padding.py",),
    "accel/compiler/frontends/onnx/windows": (f"{_ONNX}/test_padding.py",),
    "accel/compiler/frontends/onnx/shapes": (f"{_ONNX}/test_constants.py",),
    "accel/compiler/frontends/onnx": (f"{_ONNX}/test_faults.py", f"{_ONNX}/test_reader.py"),
    "accel/compiler/frontends/tflite": ("tests/compiler/frontends/tflite/test_fields.py",),
    "accel/compiler/operators/_product": ("tests/compiler/operators/test_products.py",),
    "accel/compiler/operators": (PROGRAMS, "tests/compiler/operators/test_operators.py"),
    "accel/compiler/tflite_export": ("tests/compiler/tflite_export/test_writer.py",),
    "accel/core/flash": ("tests/core/flash/test_reader.py",),
    "accel/core/core": ("tests/sim/cycles/test_cycle_model.py",),
    "accel/datapath": ("tests/datapath/test_conformance.py",),
    "accel/numeric/division": ("tests/numeric/division/test_division.py",),
    "accel/numeric/formats": ("tests/numeric/test_formats.py",),
    "boards": ("tests/boards/test_boards.py",),
    "sim/functional": ("tests/compiler/schedule/test_select.py",),
    "sim/rtl2cpp": ("tests/sim/rtl2cpp/test_emit.py",),
}
# Holds the form of the text, and would notice every change.
LEFT_OUT = ("tests/test_architecture.py", "tests/campaigns")
UNFINISHED = "SURVIVED as far as there was time"
HANGING_SECONDS = 150  # of one test
_IMPORTERS = 8


def sources() -> list[Path]:
    """All files of the project's own that can be changed."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if not path.is_symlink())


@cache
def every_mutant() -> tuple[Mutant, ...]:
    """All changes of all files, in an order that stays."""
    paths = [path.relative_to(ROOT).as_posix() for path in sources()]
    return tuple(m for path in paths for m in mutants_of(path, (ROOT / path).read_text()))


def stages(path: str) -> list[list[str]]:
    """Test files and folders for a source: what is nearest, and then the others."""
    folder, *parts = Path(path).with_suffix("").parts
    base = ROOT / "tests" / FOLDERS[folder]
    room = base.joinpath(*parts[:-1])
    own = [room / f"test_{parts[-1].lstrip('_')}.py"]
    importers = sorted(_importers(path), key=lambda test: _apart(test, room))[:_IMPORTERS]
    rooms = [room]
    while rooms[-1] != base and rooms[-1].parent != ROOT / "tests":
        rooms.append(rooms[-1].parent)
    if room == ROOT / "tests":
        rooms = sorted(room.glob("test_*.py"))
    named = (tests for begin, tests in LOOKED_AT_BY.items() if path.startswith(begin))
    near = [f for f in own if f.exists()]
    near = near or [ROOT / name for name in next(named, ())] or importers[:3]
    whole = [ROOT / name for name in (IN_RTL if _in_rtl(path) else ON_THE_MACHINE)]
    others = [*importers, *rooms[:1], *whole, *rooms[1:]]
    # A network sees more in less time than all parts of the core or of the compiler.
    if path.startswith("accel/core"):
        others = [*whole, *others]
    elif path.startswith(("accel/compiler", "accel/numeric")):
        others = [ROOT / PROGRAMS, *others]
    if not near:
        return [_existing(others)]
    return [_existing(near), _existing([test for test in others if test not in near])]


def _in_rtl(path: str) -> bool:
    """Whether tests that simulate hardware can see what others do not."""
    return path.startswith(("accel/core", "sim"))


def _existing(paths: list[Path]) -> list[str]:
    names = [path.relative_to(ROOT).as_posix() for path in paths if path.exists()]
    return list(dict.fromkeys(name for name in names if name not in LEFT_OUT))


def _apart(test: Path, room: Path) -> tuple[int, str]:
    """How far a test is from a room: folders up, and down again."""
    common = Path(os.path.commonpath([test, room]))
    up, down = room.relative_to(common).parts, test.parent.relative_to(common).parts
    return len(up) + len(down), str(test)


def _importers(path: str) -> list[Path]:
    """The tests that import a module by its name."""
    module = Path(path).with_suffix("")
    name = ".".join(module.parts if module.parts[0] == "accel" else ("accel", *module.parts))
    package, _, last = name.removesuffix(".__init__").rpartition(".")
    whole = re.escape(f"{package}.{last}")
    plain = rf"(from|import) {whole}\b(?! import [a-z_]+$)"
    within = rf"from {re.escape(package)} import [^\n(]*\b{re.escape(last)}\b"
    pattern = re.compile(f"{plain}|{within}", re.MULTILINE)
    return [test for test, text in _tests().items() if pattern.search(text)]


@cache
def _tests() -> dict[Path, str]:
    found = (ROOT / "tests").rglob("test_*.py")
    return {path: path.read_text() for path in found if "campaigns" not in path.parts}


@dataclass(frozen=True)
class Verdict:
    """The test that noticed a change, or none; how, and how long that took."""

    test: str | None
    how: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.how} {self.test} ({self.seconds:.0f} s)" if self.test else self.how


class Copy:
    """A copy of the project that can be spoiled."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "accel"
        self.simulates = True  # whether hardware is simulated in tests, too
        ignored = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", ".hyp*")
        shutil.copytree(ROOT, self.root, ignore=ignored, symlinks=True)
        for link, target in LINKS.items():  # as an installation maps them
            (self.root / link).symlink_to(self.root / target, target_is_directory=True)
        shared = ROOT.parent / "shared"
        if shared.exists():
            (folder / "shared").symlink_to(shared.resolve(), target_is_directory=True)

    def judge(self, mutant: Mutant, seconds: float) -> Verdict:
        """Make a change, ask the tests for at most so long, and take it back."""
        path = self.root / mutant.path
        whole = path.read_bytes()
        path.write_bytes(mutant.applied(whole))
        began = time.monotonic()
        try:
            near: list[str] = []
            self.simulates = _in_rtl(mutant.path)
            for tests in stages(mutant.path):
                left = seconds - (time.monotonic() - began)
                failure = self.failure(tests, left, without=near)
                if failure:
                    return Verdict(*failure, time.monotonic() - began)
                near = tests
        except subprocess.TimeoutExpired:
            return Verdict(None, UNFINISHED, time.monotonic() - began)
        finally:
            path.write_bytes(whole)
            Path(cache_from_source(str(path))).unlink(missing_ok=True)
        return Verdict(None, "SURVIVED", time.monotonic() - began)

    def failure(
        self, tests: Sequence[str], seconds: float, without: Sequence[str] = ()
    ) -> tuple[str, str] | None:
        """The first test that fails, and how; files ``without`` which to do it."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.campaigns.mutating.watch"]
        command += [
            "-o",
            f"cache_dir={self.folder / 'cache'}",
            "--hypothesis-profile=first_failure",
        ]
        command += [f"--ignore={name}" for name in (*LEFT_OUT, *without)]
        if not self.simulates:
            command += ["-k", "not rtl and not pysim"]
        command += ["-x", *tests]
        variables = {"PYTHONPATH": self.root, "MUTANTS_REPORT": report}
        variables |= {"MUTANTS_SECONDS": HANGING_SECONDS}
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env=os.environ | {name: str(value) for name, value in variables.items()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=max(seconds, 1))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what tests have left behind
            process.wait()
        if process.returncode == -signal.SIGKILL:
            raise InterruptedError("the tests of a mutant were killed, which tells nothing of it")
        if process.returncode in (0, 5):  # passed, or there are none
            return None
        try:
            found = json.loads(report.read_text())
        except FileNotFoundError:  # nothing could be imported
            return tests[0], "no start of"
        how = "failed" if found["state"] == "failed" else "no end of"
        return found["test"] or tests[0], how
