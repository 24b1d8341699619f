"""Fixtures for networks on the core, for pytest, which finds them by this package's entry point.

A test of a network::

    def test_answers(accel_compile, accel_run, accel_assert_same):
        program = accel_compile("model.tflite", board="icebreaker")
        accel_assert_same(accel_run(program, x).output, expected)

``accel_step(program, x)`` goes on where the last step of the test ended, for networks with states.

``pytest --accel-executor rtl`` runs the same test in compiled RTL; several names, separated by
commas or given one by one, run it on each. ``--accel-executor board --accel-port /dev/ttyUSB1``
runs it on a board.

Budgets fail a test with a table of the layers::

    def test_budgets(accel_compile, accel_run, accel_assert_cycles, accel_assert_accuracy):
        program = accel_compile("model.tflite", board="icebreaker")
        accel_assert_cycles(program, most=10_000)
        accel_assert_accuracy(program, x, labels, at_least=0.95)

``accel_assert_golden(result, "model.npz")`` compares with a file, which
``pytest --accel-update-golden`` writes.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import numpy as np

    from accel.api import Program, Result

# Known here too, so that pytest starts without loading the compiler; a test compares the lists.
EXECUTORS = ("reference", "machine", "rtl", "pysim", "board")
DEFAULT = "machine"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("accel", "networks on FPGAs")
    group.addoption(
        "--accel-executor",
        action="append",
        metavar="NAME[,NAME]",
        help=f"where fixtures of accel run networks: {', '.join(EXECUTORS)}; default {DEFAULT}",
    )
    group.addoption("--accel-port", metavar="PORT", help="serial port of the executor board")
    group.addoption(
        "--accel-update-golden",
        action="store_true",
        help="write the files of accel_assert_golden anew instead of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    for name in _executors(config):
        if name not in EXECUTORS:
            known = ", ".join(EXECUTORS)
            raise pytest.UsageError(f"--accel-executor must be one of {known}, not {name!r}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "accel_executor" in metafunc.fixturenames:
        names = [
            argument.strip()
            for mark in metafunc.definition.iter_markers("parametrize")
            for argument in (
                mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
            )
        ]
        if "accel_executor" not in names:
            metafunc.parametrize("accel_executor", _executors(metafunc.config), scope="session")


def _executors(config: pytest.Config) -> list[str]:
    given = config.getoption("--accel-executor") or [DEFAULT]
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",")))


@pytest.fixture(scope="session")
def accel_executor() -> str:
    """Name of the executor that the test runs on; the command line says which ones."""
    return DEFAULT


@pytest.fixture(scope="session")
def accel_compile() -> Iterator[Callable[..., "Program"]]:
    """A function that compiles as ``accel.compile`` does, each network once in a session.

    It takes what ``accel.compile`` takes but ``waves`` and ``watch``: ``board``, ``config``,
    ``contract``, ``signature``, ``input_quant``, ``fuse`` and ``exact``.
    """
    import accel

    programs: dict[Any, Program] = {}

    def compile(
        model: str | Path,
        *,
        board: str | None = None,
        config: Any = None,
        contract: str | None = None,
        signature: str | None = None,
        input_quant: "str | Sequence[str] | None" = None,
        state: "str | Sequence[str] | None" = None,
        fuse: bool = True,
        exact: bool = False,
        host: bool = True,
    ) -> "Program":
        several = {
            name: value if isinstance(value, str) else tuple(value or ())
            for name, value in (("input_quant", input_quant), ("state", state))
        }
        options: dict[str, Any] = {
            **several,
            "contract": contract,
            "signature": signature,
            "fuse": fuse,
            "exact": exact,
            "host": host,
        }
        key = (Path(model).resolve(), board, config, *options.values())
        if key not in programs:
            programs[key] = accel.compile(model, board=board, config=config, **options)
        return programs[key]

    yield compile
    for program in programs.values():
        program.close()


@pytest.fixture
def accel_run(accel_executor: str, pytestconfig: pytest.Config) -> Callable[..., "Result"]:
    """A function that runs a program on a batch ``[N, ...]``, on the executor of this test."""
    port = pytestconfig.getoption("--accel-port")

    def run(program: "Program", inputs: "np.ndarray", *, layers: bool = False) -> "Result":
        return program.run(inputs, accel_executor, layers=layers, port=port)

    return run


@pytest.fixture
def accel_step(accel_executor: str, pytestconfig: pytest.Config) -> Callable[..., "Result"]:
    """A function that runs a network with states one or more steps further, ``[N, ...]``, on the
    executor of this test. The first steps of a test find the initial states."""
    port, begun = pytestconfig.getoption("--accel-port"), list[Any]()

    def step(program: "Program", inputs: "np.ndarray", *, layers: bool = False) -> "Result":
        if not any(program is one for one in begun):
            begun.append(program)
            program.reset()
        return program.run(inputs, accel_executor, layers=layers, port=port, stream=True)

    return step


@pytest.fixture(scope="session")
def accel_assert_same() -> Callable[[Any, Any], None]:
    """`accel.sim.compare.assert_same`: names the first layer, element and values that differ."""
    from accel.sim.compare import assert_same

    return assert_same


@pytest.fixture(scope="session")
def accel_assert_cycles() -> Callable[..., None]:
    """`accel.sim.assertions.assert_cycles`: a program's or result's cycles against a budget."""
    from accel.sim.assertions import assert_cycles

    return assert_cycles


@pytest.fixture
def accel_assert_accuracy(accel_executor: str, pytestconfig: pytest.Config) -> Callable[..., None]:
    """`accel.sim.assertions.assert_accuracy`, on the executor of this test."""
    from accel.sim.assertions import assert_accuracy

    return partial(
        assert_accuracy, executor=accel_executor, port=pytestconfig.getoption("--accel-port")
    )


@pytest.fixture(scope="session")
def accel_assert_golden(pytestconfig: pytest.Config) -> Callable[["Result", str | Path], None]:
    """`accel.sim.assertions.assert_golden`: a result against a file.

    ``--accel-update-golden`` writes each file once a session, with the first result; others, as of
    a second executor, are compared with that.
    """
    from accel.sim.assertions import assert_golden

    written: set[Path] = set()

    def check(result: "Result", path: str | Path) -> None:
        __tracebackhide__ = True
        place = Path(path).resolve()
        update = pytestconfig.getoption("--accel-update-golden") and place not in written
        assert_golden(result, path, update=update)
        if update:
            written.add(place)

    return check
