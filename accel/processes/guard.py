"""Runs one tool, and kills it with all that it has started when told to, or when our process ends.

A script of its own, ``guard.py COMMAND...``. Its standard input is a pipe whose other end our
process holds: the system closes that end however our process ends, ``SIGKILL`` included.
``SIGUSR1`` says the same. Signals that ask for the end are meant for our process and passed on to
it. A guard starts before its tool and ends after it, so there is no moment in which a tool could be
left behind.
"""

import contextlib
import os
import resource
import select
import signal
import sys

_OURS = 0
_NOT_STARTED = 127  # as a shell says it
_KILL = signal.SIGUSR1
_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def main() -> None:
    command, parent = sys.argv[1:], os.getppid()
    heard, wake = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, _KILL, *_PASSED_ON):
        signal.signal(number, lambda *_: None)
    tool = os.fork()
    if tool == 0:
        _become(command)
    with contextlib.suppress(OSError):  # it may have done so itself, and have begun
        os.setpgid(tool, tool)
    try:
        _watch(tool, heard, parent)
    finally:  # it never returns, and whatever it may raise, the tool does not outlive it
        with contextlib.suppress(OSError):
            os.killpg(tool, signal.SIGKILL)


def _watch(tool: int, heard: int, parent: int) -> None:
    while True:
        readable = select.select([_OURS, heard], [], [])[0]
        signals = set(os.read(heard, 512) if heard in readable else b"")
        is_over = _OURS in readable and not os.read(_OURS, 1)
        if not is_over and os.getppid() == parent:
            for number in signals & set(_PASSED_ON):
                with contextlib.suppress(OSError):
                    os.kill(parent, number)
        if is_over or _KILL in signals:
            with contextlib.suppress(OSError):
                os.killpg(tool, signal.SIGKILL)
            _end_like(os.waitpid(tool, 0)[1])
        ended, status = os.waitpid(tool, os.WNOHANG)
        if ended:
            _end_like(status)


def _become(command: list[str]) -> None:
    try:
        signal.set_wakeup_fd(-1)
        for number in (_KILL, *_PASSED_ON):
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), _OURS)
        os.execvp(command[0], command)
    except OSError as problem:
        os.write(2, f"ERROR: {command[0]}: cannot be started: {problem.strerror}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _end_like(status: int) -> None:
    """End as the tool did, so that our process sees what it would have seen of the tool."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
