"""A small part of the campaign: each fault is named with its remedy, and none answers wrongly."""

import os

import pytest

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from tests.campaigns.faulting.cases import Tally, hasty, written
from tests.campaigns.stage_faults import FAULTS, Campaign

# What takes the same campaign stays in one process.
pytestmark = pytest.mark.xdist_group("stage_faults")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    return Campaign(tmp_path_factory.mktemp("faults"), seed=3, count=3, patience=0.05)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_costs_no_answer(campaign, name):
    with hasty(campaign.patience):
        tally = FAULTS[name](campaign)
    assert tally.problems == []
    assert tally.wrong == 0
    assert tally.named + tally.answered == tally.moments >= 2


def test_a_command_without_a_fault_is_noticed(campaign):
    tally = Tally()
    with hasty(campaign.patience):
        campaign.check(campaign.run("plain", "sim-not-there", "another fault", code=1), tally)
    code, name = (problem.partition(": ")[2] for problem in tally.problems)
    assert code.startswith("exit code 2, not 1: ")
    assert name.startswith("is not named 'another fault': Port sim-not-there does not exist; ")


def test_a_flash_is_written_by_sectors_and_then_by_pages():
    old, new = b"old" * 1300, bytes(range(1, 251)) * 4
    assert written(old, new, 0)[: len(old)] == old
    assert written(old * 2, new, 1) == b"\xff" * 4096 + (old * 2)[4096:]
    assert written(old * 2, new, 2) == new[:256] + b"\xff" * 3840 + (old * 2)[4096:]
    assert written(old, new, 1) == b"\xff" * 4096
    assert written(old, new, 2) == new[:256] + b"\xff" * 3840
    assert written(old, new, 5) == new + b"\xff" * (4096 - len(new))
