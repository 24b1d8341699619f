"""The benchmark prints a figure for each executor."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "speed" / "speed.py"


@pytest.mark.xdist_group("rtl")
def test_every_executor_has_its_rate():
    command = [sys.executable, str(SCRIPT), "--repeat", "1"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    lines = answer.stdout.splitlines()
    assert [text.split()[0] for text in lines] == [
        "digits_int8,",
        "reference",
        "machine",
        "rtl",
        "rtl",
    ]
    assert all(float(text.split()[1].replace(",", "")) > 0 for text in lines[1:])
