"""Tools that we start: each ends when we do at the latest, however we end."""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_GUARD = Path(__file__).with_name("guard.py")
_LOCK = threading.RLock()
_RUNNING: set[subprocess.Popen] = set()
_WAIT_S = 1.0

TimeoutExpired = subprocess.TimeoutExpired


class _Ours:
    """What the tools of this process share: a pipe that closes when we end, and a temporary folder.

    A process that was forked makes its own.
    """

    pipe: tuple[int, int] | None = None
    folder: str | None = None


def start(
    command: Sequence[str | os.PathLike],
    *,
    folder: Path | None,
    output: int | IO,
    errors: int | IO = subprocess.STDOUT,
    temporary: Path | None = None,
) -> subprocess.Popen:
    """Start a tool in a session of its own: we, not the terminal, decide when it ends.

    It has its temporary files in ``temporary``, or in a folder that this process removes.
    """
    command = [os.fspath(word) for word in command]
    with _LOCK:
        if os.name == "posix":
            command = [sys.executable, "-I", "-S", os.fspath(_GUARD), *command]
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=_pipe() if os.name == "posix" else subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=_environment(temporary),
            start_new_session=True,
        )
        _RUNNING.difference_update([p for p in _RUNNING if p.returncode is not None])
        _RUNNING.add(process)
    return process


def kill(process: subprocess.Popen) -> None:
    """Kill a tool and all that it has started; it is still to be waited for."""
    if process.returncode is not None:
        return
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.kill(process.pid, signal.SIGUSR1)  # to the guard, which kills
        else:
            process.kill()


def run(
    command: Sequence[str | os.PathLike],
    *,
    folder: Path | None = None,
    temporary: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end and return what it printed; ``temporary`` is as for `start`.

    Raises ``OSError``, and ``TimeoutExpired`` after ``timeout`` seconds; whatever is raised,
    nothing of the tool goes on.
    """
    pipe = subprocess.PIPE
    process = start(command, folder=folder, output=pipe, errors=pipe, temporary=temporary)
    try:
        printed = [part.decode(errors="replace") for part in process.communicate(timeout=timeout)]
    except BaseException:
        kill(process)
        process.wait()
        raise
    finally:
        for stream in filter(None, (process.stdout, process.stderr)):
            stream.close()
    return subprocess.CompletedProcess(command, process.returncode, *printed)


def kill_all() -> None:
    """Kill all tools that run, and let none be started any more: this process is about to end."""
    _LOCK.acquire(timeout=_WAIT_S)  # and never released
    running = list(_RUNNING)
    for process in running:
        kill(process)
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_WAIT_S)


def _pipe() -> int:
    if _Ours.pipe is None:
        _Ours.pipe = os.pipe()  # neither end is inherited, and nobody ever writes
    return _Ours.pipe[0]


def _environment(temporary: Path | None) -> dict[str, str] | None:
    """An environment with a temporary folder of ours: tools that are killed leave their files
    there."""
    if temporary is not None:
        return {**os.environ, **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), os.fspath(temporary))}
    if os.name != "posix":
        return None
    with contextlib.suppress(OSError):
        if _Ours.folder is None or not os.path.isdir(_Ours.folder):
            _Ours.folder = tempfile.mkdtemp(prefix="accel-tools-")
        return {**os.environ, "TMPDIR": _Ours.folder}
    return None


@atexit.register
def remove_folder() -> None:
    """Remove the tools' folder; processes of ``multiprocessing`` have to call it themselves."""
    if _Ours.folder is not None:
        shutil.rmtree(_Ours.folder, ignore_errors=True)


def _forget() -> None:
    """In a process that was forked: drop what belongs to its parent."""
    global _LOCK
    _LOCK = threading.RLock()
    if _Ours.pipe is not None:
        for end in _Ours.pipe:
            os.close(end)
    _Ours.pipe = _Ours.folder = None
    _RUNNING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
