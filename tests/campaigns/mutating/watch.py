"""A plugin for pytest: no test takes for ever or all memory, and the first that fails is told.

The name of the test that runs, and whether it failed, is written to the file that
``MUTANTS_REPORT`` names.
"""

import faulthandler
import json
import os
import resource
from pathlib import Path

_MEMORY = 6 << 30  # bytes
_REPORT = Path(os.environ["MUTANTS_REPORT"])
_SECONDS = float(os.environ["MUTANTS_SECONDS"])


def pytest_configure(config):
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    _wait_for("collection", max(_SECONDS, 120))


def pytest_runtest_logstart(nodeid):
    _wait_for(nodeid)


def pytest_runtest_logreport(report):
    if report.failed:
        _tell(report.nodeid, "failed")


def pytest_collectreport(report):
    if report.failed:
        _tell(report.nodeid, "failed")


def pytest_unconfigure(config):
    faulthandler.cancel_dump_traceback_later()


def _wait_for(name, seconds=_SECONDS):
    _tell(name, "running")
    faulthandler.dump_traceback_later(seconds, exit=True)


def _tell(name, state):
    if _REPORT.exists() and json.loads(_REPORT.read_text())["state"] == "failed":
        return
    _REPORT.write_text(json.dumps({"test": name, "state": state}))
