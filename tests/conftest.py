"""Settings of all tests: the same random examples in every run, no deadlines, golden files.

Tests of whole cores, of tools and of pages in a browser are marked as slow. The fast part, which is
what depends most on the versions of Python and NumPy, is `pytest -m "not slow"`.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")

TESTS = Path(__file__).parent
FAST = (  # folders and files
    "compiler",
    "core/test_feeder.py",
    "core/test_uart.py",
    "datapath",
    "end_to_end/test_single_operators.py",
    "estimate",
    "host",
    "numeric",
    "quantization",
    "test_architecture.py",
    "test_discovery.py",
    "test_energy.py",
    "test_python_versions.py",
    "test_resources.py",
)

# A shell's background jobs ignore an interrupt, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "slow: simulates cores, runs tools or a browser, or takes long"
    )


def pytest_collection_modifyitems(items):
    for item in items:
        path = item.path.relative_to(TESTS)
        fast = any(path.is_relative_to(name) for name in FAST)
        if not fast or "rtl" in item.name:
            item.add_marker("slow")


def pytest_addoption(parser):
    help_text = "write golden files anew instead of comparing with them"
    parser.addoption("--update-golden", action="store_true", help=help_text)


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
