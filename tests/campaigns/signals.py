"""Stops commands at many moments, and counts what is left of them.

    python tests/campaigns/signals.py --count 30 --kept signals.jsonl

Each signal is sent to the main process alone and to its group, at ``--count`` moments of each
command. Then nothing may be left: no process, which must have ended within 5 s, no temporary file,
no file that is half-written. After ``SIGKILL``, which nobody can answer, no process may be left,
and no file when the next command has run. What is found is kept line by line, so that the same
command goes on where it stopped.

Processes are known by a variable of their environment, and so only on Linux.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

DIGITS = ROOT / "examples/digits"
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL")
TARGETS = ("main", "group")
END_S = 5.0
PATIENCE_S = 30.0  # for what hangs, to be told from what is slow
MARK = "ACCEL_SIGNALS_MARK"
STARTED = "started"
CORE = ("--rows", "2", "--cols", "2")

# As slow as can be, deaf to all that can be ignored, with a child of its own and a temporary
# folder.
_TOOL = f"""#!/bin/sh
case "$1" in -V|--version) echo "tool 9.9"; exit;; esac
trap '' HUP INT QUIT TERM
mktemp -d "${{TMPDIR:-/tmp}}/yowasp_XXXXXXXX" >/dev/null
sleep 600 &
touch "${MARK}/{STARTED}"
wait
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to stop: its words, and the tool, by its variable, that never ends if it is not
    real."""

    words: tuple[str, ...]
    tool: str | None = None


def commands(folder: Path) -> dict[str, Command]:
    """By name; files that they need are in ``folder``."""
    model, x = str(DIGITS / "digits_int8.tflite"), str(folder / "x.npy")
    run = ("run", model, "-i", x, "-o", "out/y.npy", "--layers", "out/layers", *CORE)
    sweep = ("explore", model, "-o", "out/sweep", "--jobs", "2", "--rows", "2", "--cols", "2")
    quantize = ("quantize", str(folder / "net.onnx"), "-c", str(folder / "c.npz"))
    compiler = ("bench", "--quick", model, "--json", "out/bench.json", *CORE)
    return {
        "build": Command(
            words=("build", "-b", "icebreaker", "-o", "out/new/b", *CORE), tool="YOSYS"
        ),
        "explore": Command(words=(*sweep, "--route", "1"), tool="YOSYS"),
        "rtl": Command(words=(*run, "-e", "rtl"), tool="YOSYS"),
        "run": Command(words=run),
        "bench": Command(words=compiler, tool="CXX"),
        "quantize": Command(words=(*quantize, "-o", "out/q.onnx", "-b", "icebreaker")),
        "program": Command(words=("program", str(folder / "b")), tool="ICEPROG"),
        "load": Command(words=("load", str(folder / "p/program.bin"), "--port", "PORT")),
    }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was left of a command. ``seconds`` is how long it took to end, with all its
    processes."""

    command: str
    signal: str
    target: str
    moment: float
    code: int | None
    seconds: float
    processes: tuple[str, ...]
    files: tuple[str, ...]
    traceback: bool

    @property
    def problems(self) -> list[str]:
        found = []
        if self.processes:
            found.append(f"processes left: {'; '.join(self.processes)}")
        if self.files:
            found.append(f"files left: {', '.join(self.files)}")
        if self.seconds > END_S:
            found.append(f"took {self.seconds:.1f} s to end")
        if self.traceback:
            found.append("a traceback")
        return found


def prepare(folder: Path) -> None:
    """Write the files that commands need."""
    import numpy as np

    from tests.support.built import build_folder
    from tests.support.networks.onnx.floating import calibration, small

    build_folder(folder / "b", "icebreaker")
    with np.load(DIGITS / "test_images.npz") as images:
        np.save(folder / "x.npy", images["x"])
    (folder / "net.onnx").write_bytes(small().bytes())
    np.savez(folder / "c.npz", x=calibration(64))
    done = _accel(["compile", DIGITS / "digits_int8.tflite", "-o", folder / "p"], dict(os.environ))
    assert done.wait() == 0


def stop(
    name: str, number: str, target: str, moment: float, files: Path, *, real: bool, awaited: bool
) -> Verdict:
    """Start a command, send it the signal ``moment`` seconds later, and look at what is left.

    With ``awaited`` the moment is counted from when its tool has started. Unless ``real``, tools
    are such that never end by themselves.
    """
    command = commands(files)[name]
    with tempfile.TemporaryDirectory(prefix="signals-") as place, _port() as port:
        folder = Path(place).resolve()
        for made in ("out", "tmp", "cache"):
            (folder / made).mkdir()
        environment = _environment(folder, None if real else command.tool)
        words = [port if word == "PORT" else word for word in command.words]
        process = _accel(words, environment, folder)
        try:
            if awaited:
                _await(folder / STARTED, process)
            time.sleep(moment)
            sent = time.monotonic()
            _send(process, getattr(signal, number), target)
            code, left = _wait(process, folder, sent + PATIENCE_S)
            seconds = time.monotonic() - sent
        finally:
            _kill_marked(folder)
        process.wait()
        errors = (folder / "errors").read_text(errors="replace")
        if number == "SIGKILL":
            assert _accel(["boards"], environment, folder).wait() == 0
        return Verdict(
            command=name,
            signal=number,
            target=target,
            moment=round(moment, 3),
            code=code,
            seconds=round(seconds, 3),
            processes=tuple(left.values()),
            files=tuple(_files_left(folder)),
            traceback="Traceback" in errors and "accel" in errors,
        )


def _environment(folder: Path, tool: str | None) -> dict[str, str]:
    environment = {
        **os.environ,
        MARK: str(folder),
        "TMPDIR": str(folder / "tmp"),
        "ACCEL_CACHE": str(folder / "cache"),
    }
    if tool is not None:
        script = folder / "tool"
        script.write_text(_TOOL)
        script.chmod(0o755)
        environment[tool] = str(script)
    return environment


def _accel(
    words: Sequence[str | Path], environment: dict[str, str], folder: Path | None = None
) -> subprocess.Popen:
    """A group of its own, so that a signal to it does not reach us."""
    with open(folder / "errors" if folder else os.devnull, "ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "accel", *map(str, words)],
            cwd=folder or ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def _port():
    """A serial port that nobody answers on."""
    import contextlib
    import pty

    @contextlib.contextmanager
    def opened() -> Iterator[str]:
        ours, theirs = pty.openpty()
        yield os.ttyname(theirs)
        os.close(ours)
        os.close(theirs)

    return opened()


def _await(file: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None, "the command has ended before its tool began"
        assert time.monotonic() < deadline, "the tool has not begun"
        time.sleep(0.02)


def _send(process: subprocess.Popen, number: int, target: str) -> None:
    with suppress(ProcessLookupError):  # it has ended before
        (os.kill if target == "main" else os.killpg)(process.pid, number)


def _wait(
    process: subprocess.Popen, folder: Path, deadline: float
) -> tuple[int | None, dict[int, str]]:
    """Until neither the command nor any process of it is there: its exit code, and those left."""
    while time.monotonic() < deadline:
        code = process.poll()
        left = marked(folder)
        if code is not None and not left:
            return code, {}
        # Once the command has ended, what it has started has the time that was promised, not more.
        if code is not None and time.monotonic() > deadline - PATIENCE_S + 2 * END_S:
            break
        time.sleep(0.02)
    return process.poll(), marked(folder)


def marked(folder: Path) -> dict[int, str]:
    """Command lines, by process, of all that have the mark; those that have ended have none."""
    mark = f"{MARK}={folder}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                found[int(entry.name)] = b" ".join(words).decode(errors="replace").strip()
        except OSError:
            continue  # it has ended meanwhile, or is not ours
    return found


def _kill_marked(folder: Path) -> None:
    for pid in marked(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _files_left(folder: Path) -> list[str]:
    """What should not be there: temporary files anywhere, and of outputs all that is not whole."""
    found = []
    for path in sorted((folder / "tmp").rglob("*")):
        if path.name != ".ses":  # ONNX Runtime's own, which it keeps from run to run
            found.append(str(path.relative_to(folder)))
    for path in sorted((folder / "cache").rglob("*")):
        if path.name.startswith((".", "tmp")) or path.suffix == ".journal":
            found.append(str(path.relative_to(folder)))
    for path in sorted((folder / "out").rglob("*")):
        name = str(path.relative_to(folder))
        half = name == "out/new" and not (path / "b/report.json").exists()
        if path.name.startswith(".") or half:
            found.append(name)
    return found


def moments(seed: int, name: str, count: int, real: bool) -> Iterator[tuple[str, str, float, bool]]:
    """Signal, target and moment: of commands with tools that never end, half of them while they
    run."""
    has_tool = commands(Path())[name].tool is not None and not real
    whole = DURATIONS[name]
    for number in SIGNALS:
        for target in TARGETS:
            drawn = random.Random(f"{seed} {name} {number} {target}")
            for index in range(count):
                awaited = has_tool and index % 2 == 0
                span = 0.5 if awaited else whole
                yield number, target, drawn.uniform(0, span), awaited


DURATIONS = {
    "build": 6.0,
    "explore": 8.0,
    "rtl": 6.0,
    "run": 4.0,
    "bench": 10.0,
    "quantize": 8.0,
    "program": 2.0,
    "load": 4.0,
}
"""About how many seconds a command takes until it runs its tool, or altogether."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30, help="moments of each signal and target")
    parser.add_argument("--command", action="append", choices=DURATIONS, help="may be repeated")
    parser.add_argument("--real", action="store_true", help="real tools, which end at some time")
    parser.add_argument("--slower", type=float, default=1.0, help="factor of a busy machine")
    parser.add_argument("--kept", type=Path, help="file of verdicts, to go on from")
    options = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT"):  # there, and of nohup
        number = getattr(signal, name)
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)

    kept = _kept(options.kept)
    files = Path(tempfile.mkdtemp(prefix="signals-files-"))
    try:
        prepare(files)
        for name in options.command or list(DURATIONS):
            wanted = list(moments(options.seed, name, options.count, options.real))
            for index, (number, target, moment, awaited) in enumerate(wanted):
                key = json.dumps([options.seed, name, options.real, number, target, moment])
                if key not in kept:
                    later = moment if awaited else moment * options.slower
                    verdict = stop(
                        name, number, target, later, files, real=options.real, awaited=awaited
                    )
                    kept[key] = verdict
                    _keep(options.kept, key, verdict)
                for problem in kept[key].problems:
                    where = "after its tool began" if awaited else "after its start"
                    print(f"\r{name}, {number} to {target} {moment:.2f} s {where}: {problem}")
                print(f"\r{name}: {index + 1} of {len(wanted)} ", end="", flush=True)
            print()
    finally:
        shutil.rmtree(files, ignore_errors=True)
    _summarize(kept)
    sys.exit(any(verdict.problems for verdict in kept.values()))


def _kept(path: Path | None) -> dict[str, Verdict]:
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line["key"]: Verdict(**line["verdict"]) for line in lines}


def _keep(path: Path | None, key: str, verdict: Verdict) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps({"key": key, "verdict": asdict(verdict)}) + "\n")


def _summarize(kept: dict[str, Verdict]) -> None:
    print("command   signal   target  moments  processes  files  tracebacks  slowest end, s")
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in kept.values():
        groups.setdefault((verdict.command, verdict.signal, verdict.target), []).append(verdict)
    for (name, number, target), found in groups.items():
        processes, files, wrong = (
            sum(map(len, (v.processes for v in found))),
            sum(map(len, (v.files for v in found))),
            sum(v.traceback for v in found),
        )
        slowest = max(v.seconds for v in found)
        print(
            f"{name:9} {number:8} {target:6} {len(found):8} {processes:10} {files:6} {wrong:11} "
            f"{slowest:15.2f}"
        )


if __name__ == "__main__":
    main()
