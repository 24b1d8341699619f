"""Property tests that simulate hardware tell the first case that fails: cases are drawn small."""

import re
from pathlib import Path

import pytest
from hypothesis import Phase

from tests.support.rtl.simulation import UNSHRUNK

TESTS = Path(__file__).parents[1]
SIMULATING = [
    path
    for path in sorted(TESTS.rglob("test_*.py"))
    if re.search(r"import .*\bsimulate\b", path.read_text()) and path.parent.name != "campaigns"
]


def test_hypothesis_does_not_make_a_case_smaller():
    assert Phase.shrink not in UNSHRUNK.phases
    assert Phase.explain not in UNSHRUNK.phases
    assert {Phase.explicit, Phase.generate} <= set(UNSHRUNK.phases)


@pytest.mark.parametrize("path", SIMULATING, ids=lambda path: path.stem)
def test_every_property_test_of_a_simulation_says_so(path):
    lines = path.read_text().splitlines()
    for index, line in enumerate(lines):
        if line.strip().startswith("@given("):
            assert "@settings(UNSHRUNK" in lines[index - 1], f"{path.name}:{index + 1}"


def test_there_are_such_tests():
    assert len(SIMULATING) >= 15
