"""The plugin, used as a user's repository would use it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accel.compiler.tflite_export.writer import write
from accel.executors import EXECUTORS
from accel.sim import pytest_plugin
from tests.support.networks.streaming import frames, window

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = EXAMPLES / "digits/digits_int8.tflite"

NAMES = """
def test_name(accel_executor):
    print("on", accel_executor)
"""


def test_the_executors_are_those_that_there_are():
    assert tuple(EXECUTORS) == pytest_plugin.EXECUTORS


def test_the_default_is_the_machine(pytester):
    pytester.makepyfile(NAMES)
    result = pytester.runpytest("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*on machine*"])


def test_several_executors_run_each_test_on_each(pytester):
    pytester.makepyfile(NAMES)
    names = ("--accel-executor", "reference,machine", "--accel-executor", "pysim")
    pytester.runpytest(*names).assert_outcomes(passed=3)


def test_a_test_may_choose_its_executors_itself(pytester):
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("accel_executor", ["rtl"], scope="session")
        def test_name(accel_executor):
            assert accel_executor == "rtl"
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_an_unknown_executor_is_one_line(pytester):
    result = pytester.runpytest("--accel-executor", "gpu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --accel-executor must be one of reference, machine, rtl, pysim, board, not 'gpu'"]
    )


def test_a_network_is_compiled_once_and_a_difference_is_named(pytester):
    pytester.makepyfile(
        f"""
        import numpy as np
        MODEL = {str(DIGITS)!r}
        X = np.zeros((2, 8, 8, 1), np.int8)
        def test_once(accel_compile):
            assert accel_compile(MODEL) is accel_compile(MODEL)
            assert accel_compile(MODEL) is not accel_compile(MODEL, board="ulx3s_85f")
        def test_wrong(accel_compile, accel_run, accel_assert_same):
            program = accel_compile(MODEL)
            expected = program.run(X, "reference", layers=True)
            expected.layers["conv2d_2"][1, 0, 3, 5] ^= 64
            accel_assert_same(accel_run(program, X, layers=True), expected)
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: conv2d_2 is the first of 12 to differ: 1 of 3,072 elements",
            "E*first at [[]1, 0, 3, 5[]]: *, expected *",
        ]
    )


def test_a_network_with_states_goes_on_step_by_step_and_each_test_begins_anew(pytester, tmp_path):
    model, x = tmp_path / "window.tflite", frames(4)
    model.write_bytes(write(window()))
    np.save(tmp_path / "x.npy", x)
    pytester.makepyfile(
        f"""
        import numpy as np, pytest
        X = np.load({str(tmp_path / "x.npy")!r})
        @pytest.mark.parametrize("time", [1, 2])
        def test_steps(accel_compile, accel_step, accel_assert_same, time):
            program = accel_compile({str(model)!r})
            expected = program.run(X, "reference").output
            for x, y in zip(X, expected):
                accel_assert_same(accel_step(program, x[None]).output, y[None])
        """
    )
    pytester.runpytest("--accel-executor", "machine,reference").assert_outcomes(passed=4)


BUDGETS = f"""
import numpy as np
MODEL = {str(DIGITS)!r}
X, Y = (np.load({str(DIGITS.with_name("test_images.npz"))!r})[key][:8] for key in "xy")
def test_options(accel_compile):
    assert accel_compile(MODEL, contract="single", exact=True, fuse=False).contract == "single"
    assert accel_compile(MODEL) is accel_compile(MODEL, fuse=True)
    assert accel_compile(MODEL) is not accel_compile(MODEL, fuse=False)
def test_cycles(accel_compile, accel_assert_cycles):
    accel_assert_cycles(accel_compile(MODEL), most=1_000)
def test_accuracy(accel_compile, accel_assert_accuracy, accel_executor):
    assert accel_assert_accuracy.keywords["executor"] == accel_executor == "reference"
    accel_assert_accuracy(accel_compile(MODEL), X, Y, at_least=1)
    accel_assert_accuracy(accel_compile(MODEL), X, 1 - Y, at_least=0.5)
def test_golden(accel_compile, accel_run, accel_assert_golden):
    result = accel_run(accel_compile(MODEL), X, layers=True)
    accel_assert_golden(result, "golden/digits.npz")
"""


def test_budgets_are_fixtures_that_show_the_layers(pytester):
    pytester.makepyfile(BUDGETS)
    names = ("--accel-executor", "reference")
    result = pytester.runpytest(*names)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: digits_int8 *: 7,670 cycles an inference, 6,670 over the budget*",
            "E * layer * mode * cycles  of budget",
            "E * conv2d_0 * dense * 1,104*110.4 %",
            "E * one inference *767.0 %",
            "E*the reference ran: it is the network that is wrong",
            "E*there is no golden file golden/digits.npz; write it with: *--accel-update-golden",
        ]
    )
    pytester.runpytest(*names, "-k", "golden", "--accel-update-golden").assert_outcomes(passed=1)
    pytester.runpytest(*names, "-k", "golden").assert_outcomes(passed=1)


def test_of_two_executors_that_write_a_golden_file_the_second_is_compared(pytester):
    pytester.makepyfile(
        """
        from types import SimpleNamespace
        import numpy as np
        def test_answer(accel_executor, accel_assert_golden):
            answer = np.array([len(accel_executor)])
            report = SimpleNamespace(whole_layers=(), cycles=0)
            result = SimpleNamespace(outputs={"y": answer}, layers={}, report=report)
            accel_assert_golden(result, "y.npz")
        """
    )
    result = pytester.runpytest("--accel-update-golden", "--accel-executor", "machine,rtl")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*first at [[]0[]]: 3, expected 7"])


def test_pytest_starts_without_the_compiler():
    program = "import sys, accel.sim.pytest_plugin; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("executor", ["machine", "rtl"])
def test_the_example_runs(executor):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--accel-executor", executor],
        cwd=EXAMPLES / "pytest_inference",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
