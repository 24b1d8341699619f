"""A command that is told to end, or killed, leaves nothing behind: a few moments of the
campaign."""

import sys

import pytest

from tests.campaigns import signals

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="finds processes by their environment in /proc"
)

# Command, signal, target and seconds, after its tool has begun or, for a minus, after its start.
MOMENTS = [
    ("build", "SIGHUP", "main", 0.0),
    ("build", "SIGKILL", "main", 0.1),
    ("explore", "SIGTERM", "main", 0.1),
    ("explore", "SIGKILL", "main", 0.0),
    ("rtl", "SIGINT", "group", 0.0),
    ("program", "SIGINT", "group", 0.0),
    ("load", "SIGQUIT", "group", -0.9),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    signals.prepare(folder)
    return folder


@pytest.mark.parametrize("name, number, target, moment", MOMENTS)
def test_a_command_that_is_stopped_leaves_no_process_and_no_file(
    name, number, target, moment, files
):
    verdict = signals.stop(
        name, number, target, abs(moment), files, real=False, awaited=moment >= 0
    )
    assert verdict.processes == ()
    assert verdict.files == ()
    assert not verdict.traceback
    if number != "SIGKILL" and moment >= 0:
        assert (
            verdict.code == {"SIGINT": 130, "SIGHUP": 129, "SIGQUIT": 131, "SIGTERM": 143}[number]
        )
