"""Where the work is done: processes of this machine, or the workers of a Dask cluster."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor

from accel.advice import how_to_install
from accel.errors import ToolError, UserError

_WAIT_SECONDS = 10
_RETRIES = 3


class NoCluster(UserError):
    """There is no Dask scheduler at the address, or Dask is not installed."""


class WorkLost(ToolError):
    """The processes or workers that do the work have ended."""


@contextlib.contextmanager
def local(jobs: int) -> Iterator[Executor]:
    """Processes of this machine. They are fresh ones, not copies of a process with threads."""
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(max_workers=jobs, mp_context=context)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster, by its scheduler's address, such as ``tcp://10.0.0.5:8786``.

    Work of a worker that dies is given to another one. Raises ``NoCluster``.
    """
    try:
        from distributed import Client
    except ImportError:
        raise NoCluster(
            f"--dask {address}: Dask is not installed; install it with: {how_to_install('explore')}"
        ) from None
    try:
        client = Client(address, timeout=_WAIT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as problem:
        raise NoCluster(
            f"--dask {address}: no scheduler answers there within {_WAIT_SECONDS} s; start one with "
            "`dask scheduler`, workers with `dask worker ADDRESS`, or leave --dask out"
        ) from problem
    try:
        if not client.scheduler_info()["workers"]:
            raise NoCluster(
                f"--dask {address}: the scheduler has no workers; start some with "
                f"`dask worker {address}`"
            )
        yield client.get_executor(retries=_RETRIES)
    finally:
        client.close()


def losses() -> tuple[type[BaseException], ...]:
    """What futures raise when it is not the work that failed but the worker that is gone."""
    found = (BrokenExecutor, CancelledError, ConnectionError)
    try:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError
    except ImportError:
        return found
    return (*found, KilledWorker, CommClosedError)
