"""Settings of all tests: the same random examples in every run, no deadlines, golden files.

Tests of whole cores, of tools and of pages in a browser are marked as slow. The fast part, which is
what depends most on the versions of Python and NumPy, is `pytest -m "not slow"`.
"""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# Where it is enough to know that a test fails: cases are not made smaller.
settings.register_profile(
    "first_failure", settings.get_profile("ci"), phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("ci")

TESTS = Path(__file__).parent
FAST = (  # folders and files
    "compiler",
    "core/datapath/test_row_feeder.py",
    "core/host_link/test_uart.py",
    "datapath",
    "end_to_end/test_single_operators.py",
    "estimate",
    "host",
    "numeric",
    "quantization",
    "test_architecture.py",
    "test_discovery.py",
    "target/test_energy.py",
    "target/test_resources.py",
    "campaigns/test_python_versions.py",
)

# A shell's background jobs ignore an interrupt, and those of nohup a hang-up; so would all that
# tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    for item in items:
        path = item.path.relative_to(TESTS)
        fast = any(path.is_relative_to(name) for name in FAST)
        if not fast or "rtl" in item.name:
            item.add_marker("slow")


def pytest_addoption(parser):
    help_text = "write golden files anew instead of comparing with them"
    parser.addoption("--update-golden", action="store_true", help=help_text)


def pytest_configure(config):
    """No test reads or writes a user's cache: what is compiled lies in pytest's own, for all
    workers and runs, and builds that a test does not put elsewhere do so too."""
    cache = getattr(config, "cache", None)
    folder = cache.mkdir("accel") if cache else tempfile.mkdtemp(prefix="accel-tests-")
    os.environ["ACCEL_CACHE"] = str(folder)
    os.environ.setdefault("CXXFLAGS", "-O1")  # most simulators run less long than they compile
    config.addinivalue_line(
        "markers", "slow: simulates cores, runs tools or a browser, or takes long"
    )


@pytest.fixture(scope="session")
def recorded_build(tmp_path_factory):
    """A small real build of an UP5K, whose tools can be replayed
    (`tests.campaigns.damaging.replay`)."""
    from tests.campaigns.damaging.replay import Replay

    return Replay.record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def golden(request):
    """Return a function that holds a text to the file ``golden/<name>`` beside the test."""

    def check(name: str, text: str) -> None:
        path = Path(request.path).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"no golden file {path.name}; make it with --update-golden"
        assert text == path.read_text()

    return check
