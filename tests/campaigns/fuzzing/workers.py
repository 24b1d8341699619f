"""Processes that try one numbered case after the other within limits, and are replaced when they
die."""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaigns.fuzzing.oracle_process import OracleProcess

SECONDS = 5  # of the processor's time that a case may take
PATIENCE = 60  # by the clock, which other programs share, until a case is stopped from outside
MEMORY = 1 << 30  # bytes that a case may take beyond what the process has when it begins

ROOT = str(Path(__file__).resolve().parents[3])
FAULT, SLOW, HUNG, DIED, MEMORY_OUT = "TRACEBACK", "TOO SLOW", "HANGS", "DIED", "TOO MUCH MEMORY"
Trial = Callable[[int, OracleProcess], dict[str, Any]]


class TooSlow(BaseException):
    """A case took more time than it may."""


@dataclass
class _Worker:
    pid: int
    pipe: int
    numbers: list[int]
    current: int | None = None
    since: float = 0.0
    rest: bytes = field(default=b"", repr=False)


def tried(trial: Trial, prepare: Callable[[], None], numbers: Iterator[int], jobs: int):
    """Yield ``(number, outcome)`` of each case until the caller has enough.

    ``trial(number, oracle)`` returns a JSON object with ``what``; whatever it raises is an outcome,
    too. ``prepare()`` runs in each worker before its limits are set.
    """
    workers = [_started(trial, prepare, _taken(numbers)) for _ in range(jobs)]
    try:
        while workers:
            for worker in list(workers):
                if worker.current is not None and time.monotonic() - worker.since > PATIENCE:
                    os.kill(worker.pid, signal.SIGKILL)
            ready, _, _ = select.select([worker.pipe for worker in workers], [], [], 1)
            for worker in [worker for worker in workers if worker.pipe in ready]:
                piece = os.read(worker.pipe, 1 << 16)
                yield from _outcomes(worker, piece)
                if not piece:
                    workers.remove(worker)
                    lost = _ended(worker)
                    if lost is not None:
                        yield lost
                    left = worker.numbers or _taken(numbers)
                    if left:
                        workers.append(_started(trial, prepare, left))
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
            os.close(worker.pipe)
            os.waitpid(worker.pid, 0)


def _taken(numbers: Iterator[int], count: int = 500) -> list[int]:
    return [number for number, _ in zip(numbers, range(count), strict=False)]


def _outcomes(worker: _Worker, piece: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Take lines from a worker: a number as a case begins, and an object as it ends."""
    *lines, worker.rest = (worker.rest + piece).split(b"\n")
    for line in lines:
        said = json.loads(line)
        if isinstance(said, int):
            worker.current, worker.since = said, time.monotonic()
            worker.numbers.remove(said)
        else:
            number, worker.current = worker.current, None
            yield number, said


def _ended(worker: _Worker) -> tuple[int, dict[str, Any]] | None:
    """The outcome of the case in which a worker died, if it was in one."""
    os.close(worker.pipe)
    _, status = os.waitpid(worker.pid, 0)
    if worker.current is None:
        return None
    hung = time.monotonic() - worker.since > PATIENCE
    return worker.current, {"what": HUNG if hung else DIED, "detail": f"status {status}"}


def _started(trial: Trial, prepare: Callable[[], None], numbers: list[int]) -> _Worker:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return _Worker(pid, read, numbers)
    os.close(read)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        _work(trial, prepare, numbers, write)
        os._exit(0)
    except BaseException:  # noqa: BLE001 -- the parent must not go on here
        traceback.print_exc()
        os._exit(1)


def _work(trial: Trial, prepare: Callable[[], None], numbers: list[int], write: int) -> None:
    oracle = OracleProcess()
    prepare()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _addresses() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGVTALRM, _stop)
    for number in numbers:
        os.write(write, b"%d\n" % number)
        os.write(write, json.dumps(_guarded(trial, number, oracle)).encode() + b"\n")
    oracle.close()


def _guarded(trial: Trial, number: int, oracle: OracleProcess) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        return trial(number, oracle)
    except TooSlow:
        return {"what": SLOW, "detail": _place(), "trace": traceback.format_exc()[-3000:]}
    except MemoryError:
        return {"what": MEMORY_OUT, "detail": _place(), "trace": traceback.format_exc()[-3000:]}
    except Exception as error:  # noqa: BLE001 -- any is what we look for
        detail = f"{type(error).__name__} {_place()}: {error}"[:300]
        return {"what": FAULT, "detail": detail, "trace": traceback.format_exc()[-3000:]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _place() -> str:
    """Where in our own sources an exception comes from."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    ours = [f for f in frames if _is_ours(f)] or frames
    return f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno} {ours[-1].name}"


def _stop(*_: Any) -> None:
    raise TooSlow


def _addresses() -> int:
    """Bytes of addresses that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _is_ours(frame: traceback.FrameSummary) -> bool:
    inside = frame.filename.startswith(ROOT) and "site-packages" not in frame.filename
    return inside and frame.name != _stop.__name__
