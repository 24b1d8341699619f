"""The benchmarks print a figure for each executor, and for each way to prune."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "speed"


def lines_of(script, *options):
    command = [sys.executable, str(SCRIPTS / script), *options]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return answer.stdout.splitlines()


@pytest.mark.xdist_group("rtl")
def test_every_executor_has_its_rate():
    lines = lines_of("speed.py", "--repeat", "1")
    assert [text.split()[0] for text in lines] == [
        "digits_int8,",
        "reference",
        "machine",
        "rtl",
        "rtl",
    ]
    assert all(float(text.split()[1].replace(",", "")) > 0 for text in lines[1:])


def test_pruned_networks_take_fewer_cycles_and_stay_exact():
    whole, *pruned = lines_of("pruned.py")
    assert len(pruned) == 6
    assert all(text.endswith(" 0 differ") for text in (whole, *pruned))
    cycles = [int(text.split("%")[-1].split()[0].replace(",", "")) for text in pruned]
    before = int(whole.split()[3].replace(",", ""))
    assert max(cycles) <= before
    assert min(cycles) < 0.95 * before
