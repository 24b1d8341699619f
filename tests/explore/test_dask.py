"""A Dask cluster does the work; a worker that is killed in the middle loses no point."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from accel.explore.executors import NoCluster, dask
from accel.explore.network import Network
from accel.explore.point import Space
from accel.explore.store import Store
from accel.explore.sweep import Sweep

pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")
DIGITS = Path(__file__).parents[2] / "examples/digits/digits_int8.tflite"
SPACE = Space(
    ["icebreaker"], {"rows": [2, 4], "columns": [2, 4], "weight_steps": [*range(512, 4096, 256)]}
)


def start(stack: ExitStack, *arguments: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DASK_LOGGING__DISTRIBUTED": "info"},
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def cluster():
    """A scheduler's address and two workers on loopback."""
    address = f"tcp://127.0.0.1:{free_port()}"
    host, port = re.fullmatch(r"tcp://(.*):(\d+)", address).groups()
    with ExitStack() as stack:
        start(
            stack, "dask_scheduler", "--host", host, "--port", port, "--no-dashboard", "--no-show"
        )
        options = ("--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", host)
        workers = [start(stack, "dask_worker", address, *options) for _ in range(2)]
        deadline = time.monotonic() + 60
        while workers_of(address) < 2:
            assert time.monotonic() < deadline, "the workers did not come"
            time.sleep(0.3)
        yield address, workers


def workers_of(address: str) -> int:
    try:
        with dask(address) as executor:
            return len(executor._client.scheduler_info()["workers"])
    except NoCluster:
        return 0


def test_a_worker_that_is_killed_in_the_middle_loses_no_point(cluster, tmp_path):
    address, workers = cluster
    killed = []

    def kill_one(text, done, total):
        if done >= total // 4 and not killed:
            killed.append(done)
            workers[0].send_signal(signal.SIGKILL)

    with dask(address) as executor:
        sweep = Sweep([Network.read(DIGITS)], executor, Store(tmp_path), on_progress=kill_one)
        outcomes = sweep.estimate(SPACE)
    assert killed
    assert killed[0] < len(SPACE)
    assert [outcome.point for outcome in outcomes] == list(SPACE)
    assert len(Store(tmp_path).results) == len(SPACE)
    assert workers[1].poll() is None


@pytest.fixture
def deaf():
    """The address of a server that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def talks_otherwise():
    """The address of a server whose answer claims to be of 3.5 EiB, as one of HTTP does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 8)

        threading.Thread(target=answer, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "address",
    ["dead", "deaf", "talks_otherwise", "foo", "tcp://x:y"],
)
def test_what_is_no_scheduler_is_told_in_one_message(address, monkeypatch, request, capfd):
    monkeypatch.setattr("accel.explore.executors._WAIT_SECONDS", 1)
    if address == "dead":
        address = f"tcp://127.0.0.1:{free_port()}"
    elif address in ("deaf", "talks_otherwise"):
        address = request.getfixturevalue(address)
    message = re.escape(f"--dask {address}: no scheduler answers there within 1 s; ")
    with pytest.raises(NoCluster, match=message), dask(address):
        pass
    assert capfd.readouterr() == ("", "")
