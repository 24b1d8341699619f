"""A process that is told to end cleans up, and ends soon even where it cannot hear."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")

ENDINGS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]
RUNS = """
import ctypes, sys, time
from accel.processes import stopping
lock, c = ctypes.create_string_buffer(64), ctypes.CDLL(None)
c.pthread_mutex_lock(lock)
stopping.install()
try:
    print("ready", flush=True)
    {body}
except BaseException as problem:
    print(type(problem).__name__, flush=True)
    time.sleep(0.3)
    print("undone", flush=True)
    raise
finally:
    stopping.finish()
"""


@pytest.fixture(autouse=True)
def heard():
    """Signals that end a process do, also where the tests run in the background, which ignores
    some."""
    ignored = [
        number
        for number in (getattr(signal, name) for name in ENDINGS)
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


def started(body: str, **options) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS.format(body=body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("name", ENDINGS)
def test_a_signal_undoes_what_is_half_done_and_a_second_one_does_not_break_that_off(name):
    process = started("time.sleep(600)")
    process.send_signal(getattr(signal, name))
    raised = process.stdout.readline()
    for other in ENDINGS:
        process.send_signal(getattr(signal, other))
    output, _ = process.communicate(timeout=30)
    assert raised == ("KeyboardInterrupt\n" if name == "SIGINT" else "Stopped\n")
    assert output == "undone\n"
    assert process.returncode == 128 + getattr(signal, name)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="locks as Linux does")
@pytest.mark.parametrize(
    "body",
    [
        # A library that does not return: nothing of Python runs in the main thread.
        "c.pthread_mutex_lock(lock)",
        "while True:\n        try: time.sleep(600)\n        except BaseException: pass",
    ],
    ids=["deaf", "swallows"],
)
def test_a_main_thread_that_does_not_end_is_ended(body):
    process = started(body)
    time.sleep(0.2)  # until it is there
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - begin > 1  # it was given its time
    assert process.returncode == 143
    assert errors == "error: stopped; no file was left half-written\n"


def test_a_signal_that_is_ignored_stays_ignored():
    """As by nohup."""
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = started("time.sleep(0.5); print('went on')")
    finally:
        signal.signal(signal.SIGHUP, ignored)
    process.send_signal(signal.SIGHUP)
    output, _ = process.communicate(timeout=30)
    assert (output, process.returncode) == ("went on\n", 0)
