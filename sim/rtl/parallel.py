"""Several samples at a time, in threads.

NumPy and compiled simulators release Python's lock while they work, so threads suffice for the
machine and for compiled RTL: nothing is copied between processes, errors are those of one thread,
and no process can outlive ours.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any, TypeVar

import numpy as np

Part = TypeVar("Part")
Answer = TypeVar("Answer")


class Stopped(Exception):
    """Another thread has failed, or the user has interrupted: this one need not go on."""


def available_jobs() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parallel(
    work: Callable[[Part, Callable[[], None]], Answer], parts: Sequence[Part], jobs: int
) -> list[Answer]:
    """``work(part, check)`` for all parts, ``jobs`` at a time; the answers are in the parts' order.

    The first exception, ``KeyboardInterrupt`` among them, is passed on when all threads have ended:
    those that still work learn of it when they call ``check``, which raises.
    """
    if jobs == 1 or len(parts) < 2:
        return [work(part, lambda: None) for part in parts]
    stop = Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped

    with ThreadPoolExecutor(min(jobs, len(parts)), "accel") as pool:
        futures = [pool.submit(work, part, check) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if not all(future.done() for future in futures):
                stop.set()
            for future in futures:
                future.cancel()
        failed = [future for future in futures if not future.cancelled() and future.exception()]
        real = [f for f in failed if not isinstance(f.exception(), Stopped)]
        return [future.result() for future in real[:1] or futures]


class ParallelCores:
    """Several cores that run a share of a batch each, as one core for `host.runner.run`.

    ``cores`` have ``run(inputs, keep, passing)`` and call their ``progress`` for each sample.
    """

    def __init__(self, cores: Sequence[Any], progress: Callable[[int], None] | None = None):
        self._cores = cores
        self._progress = progress
        self._done = 0
        self._lock = Lock()

    def run(
        self, inputs: Mapping[str, np.ndarray], keep: Collection[str], passing: Any = None
    ) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs, see
        `BoardCore`."""
        count = len(next(iter(inputs.values())))
        bounds = np.linspace(0, count, min(len(self._cores), count) + 1).astype(int)
        shares = [
            (core, {name: data[low:high] for name, data in inputs.items()}, _from(passing, low))
            for core, low, high in zip(self._cores, bounds, bounds[1:], strict=False)
        ]
        answers = in_parallel(
            lambda share, check: self._run(*share, keep, check), shares, len(shares)
        )
        return {name: np.concatenate([answer[name] for answer in answers]) for name in keep}

    def _run(
        self, core: Any, inputs: Any, passing: Any, keep: Any, check: Callable[[], None]
    ) -> Any:
        def advance(_: int) -> None:
            check()
            with self._lock:
                self._done += 1
                if self._progress:
                    self._progress(self._done)

        core.progress = advance
        return core.run(inputs, keep, passing)


def _from(passing: Any, low: int) -> Any:
    """What makes what the driver computes between runs, for samples counted from ``low`` on."""
    return passing and (lambda first, end: passing(low + first, low + end))
