"""Tools end with us at the latest, and are seen to end as they did."""

import os
import signal
import subprocess
import sys
import time

import pytest

from accel.processes import children

pytestmark = pytest.mark.skipif(os.name != "posix", reason="asks for processes as POSIX does")

SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int) -> bool:
    """Whether a process that was told to end is gone after a while."""
    deadline = time.monotonic() + 20
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_there(pid)


@pytest.mark.parametrize(
    "script, code", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9), ("kill -11 $$", -11)]
)
def test_a_tool_is_seen_to_end_as_it_did(script, code):
    done = children.run(["sh", "-c", f"echo out; echo err >&2; {script}"])
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")


def test_a_tool_that_cannot_be_started_is_told():
    done = children.run(["/nonexistent/tool"])
    assert done.returncode == 127
    assert "/nonexistent/tool: cannot be started: No such file or directory" in done.stderr


def test_a_tool_has_nothing_to_read_and_a_temporary_folder_of_ours():
    done = children.run(["sh", "-c", "cat; echo $TMPDIR"])
    assert "accel-tools-" in done.stdout
    assert os.path.isdir(done.stdout.strip())


@pytest.mark.parametrize("deaf", ["", "trap '' HUP INT QUIT TERM; "])
def test_a_tool_that_takes_too_long_is_killed_with_its_children(deaf, tmp_path):
    script = f"{deaf}sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/own; wait"
    with pytest.raises(children.TimeoutExpired):
        children.run(["sh", "-c", script], timeout=1.5)
    own, child = (int((tmp_path / name).read_text()) for name in ("own", "child"))
    assert not is_there(own)  # and not only about to end
    assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_tool_ends_when_we_are_killed(number):
    program = (
        "import sys\nfrom accel.processes import children\n"
        f"children.start([sys.executable, '-c', {SLEEPS!r}], folder=None, output=sys.stdout)\n"
        "import time; time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    tool = int(process.stdout.readline())
    assert is_there(tool)
    process.send_signal(number)
    process.wait()
    assert gone(tool)
    process.stdout.close()


def test_a_signal_to_the_parent_that_a_tool_sees_is_one_to_us():
    got = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: got.append(number))
    try:
        children.run(["sh", "-c", "kill -HUP $PPID; sleep 0.3"])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert got == [signal.SIGHUP]


def test_a_tool_ends_when_its_guard_is_told_to(tmp_path):
    with open(tmp_path / "out", "wb") as output:
        process = children.start([sys.executable, "-c", SLEEPS], folder=None, output=output)
    while not (tmp_path / "out").read_text().endswith("\n"):
        time.sleep(0.02)
    tool = int((tmp_path / "out").read_text())
    children.kill(process)
    assert process.wait(timeout=20) == -signal.SIGKILL
    assert not is_there(tool)
