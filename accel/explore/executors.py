"""Where the work is done: in processes on this machine, or on the workers of a Dask cluster."""

import contextlib
import importlib.util
import multiprocessing
import multiprocessing.util
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from accel.advice import how_to_install
from accel.errors import ToolError, UserError
from accel.flow.cache.store import cache_root
from accel.processes import children, leftovers, stopping

_WAIT_SECONDS = 2
_PROBE = Path(__file__).with_name("_dask_probe.py")
_IMPORT_SECONDS = 60  # Dask itself, on a busy machine
_RETRIES = 3


class NoCluster(UserError):
    """There is no Dask scheduler at the address, or Dask is not installed."""


class WorkLost(ToolError):
    """The processes or workers that do the work have ended."""


@contextlib.contextmanager
def local(jobs: int) -> Iterator[Executor]:
    """Processes on this machine, started afresh: a process with threads must not be forked.

    If the block raises, they end at once, with the tools that they run. So they do if this process
    is killed, which closes a pipe that they wait for.
    """
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    with (
        theirs,
        ours,
        tempfile.TemporaryDirectory(prefix="accel-explore-", ignore_cleanup_errors=True) as folder,
    ):
        executor = ProcessPoolExecutor(
            max_workers=jobs, mp_context=context, initializer=_begin, initargs=(theirs, folder)
        )
        try:
            yield executor
        except BaseException:
            ours.close()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _begin(pipe: Connection, folder: str) -> None:
    """What a process of the pool does first; ``folder`` is for its temporary files."""
    stopping.install(grace_s=0)
    stopping.end_with(pipe)
    tempfile.tempdir = folder
    leftovers.begin(cache_root() / "running")
    for last in (leftovers.end, children.remove_folder):
        multiprocessing.util.Finalize(None, last, exitpriority=0)


@contextlib.contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster, by its scheduler's address, such as ``tcp://10.0.0.5:8786``.

    Work of a worker that dies is given to another one. Raises ``NoCluster``.
    """
    if importlib.util.find_spec("distributed") is None:
        raise NoCluster(
            f"--dask {address}: Dask is not installed; install it with: {how_to_install('explore')}"
        )
    _check_answers(address)
    from distributed import Client

    try:
        client = Client(address, timeout=_WAIT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as problem:
        raise _no_scheduler(address) from problem
    try:
        if not client.scheduler_info()["workers"]:
            raise NoCluster(
                f"--dask {address}: the scheduler has no workers; start some with "
                f"`dask worker {address}`"
            )
        yield client.get_executor(retries=_RETRIES)
    finally:
        client.close()


def _check_answers(address: str) -> None:
    """Ask the scheduler from a process of its own.

    Whatever is at the address, and however long Dask would try, print, or use memory for what it
    receives, the result is one short message.
    """
    command = (sys.executable, _PROBE, address, str(_WAIT_SECONDS))
    try:
        answered = children.run(command, timeout=_WAIT_SECONDS + _IMPORT_SECONDS).returncode == 0
    except children.TimeoutExpired:
        answered = False
    if not answered:
        raise _no_scheduler(address)


def _no_scheduler(address: str) -> NoCluster:
    return NoCluster(
        f"--dask {address}: no scheduler answers there within {_WAIT_SECONDS} s; start one with "
        "`dask scheduler`, workers with `dask worker ADDRESS`, or leave --dask out"
    )


def losses() -> tuple[type[BaseException], ...]:
    """The exceptions of a future that mean that the worker is gone, not that its work failed."""
    found = (BrokenExecutor, CancelledError, ConnectionError)
    try:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError
    except ImportError:
        return found
    return (*found, KilledWorker, CommClosedError)
