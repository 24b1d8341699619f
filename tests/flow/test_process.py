"""Tools that run at once end together, however often they are interrupted."""

import os
import subprocess
import sys

import pytest

from accel.flow.process import Job, run_jobs


@pytest.mark.skipif(os.name != "posix", reason="asks for processes as POSIX does")
def test_an_interrupt_while_tools_are_ended_leaves_none_of_them(tmp_path, monkeypatch):
    jobs = [
        Job(
            command=(sys.executable, "-c", "import time; time.sleep(600)"),
            folder=tmp_path,
            output=tmp_path / f"{index}.log",
        )
        for index in range(3)
    ]
    started, wait = [], subprocess.Popen.wait

    def poll(process):
        if process not in started:
            started.append(process)
        if len(started) == len(jobs):
            raise KeyboardInterrupt

    def interrupted(process, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "poll", poll)
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, workers=len(jobs))
    assert all(wait(process, timeout=20) < 0 for process in started)
