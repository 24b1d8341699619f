"""A small part of the campaign: what is damaged is made anew, and a full disk spoils nothing."""

import pytest

from tests.campaigns.damage import Campaign, run


@pytest.fixture(scope="module")
def campaign(recorded_build, tmp_path_factory):
    return Campaign(tmp_path_factory.mktemp("campaign"), recorded_build)


def test_no_damaged_entry_is_taken(campaign, tmp_path):
    state = tmp_path / "state"
    outcomes = list(run(campaign, seed=0, count=60, disks=0, state=state))
    assert [str(outcome) for outcome in outcomes if outcome.problem] == []
    assert len({outcome.name for outcome in outcomes}) > 20  # kinds of damage
    assert list(run(campaign, seed=0, count=60, disks=0, state=state)) == outcomes


def test_builds_after_a_full_disk_are_right(campaign):
    try:
        outcomes = list(run(campaign, seed=0, count=0, disks=20))
    except PermissionError:
        pytest.skip("this user may not make a small disk")
    assert [str(outcome) for outcome in outcomes if outcome.problem] == []
    failed = [outcome for outcome in outcomes if "succeeds" not in outcome.name]
    assert len(failed) > 10
    steps = {outcome.name.split(", ")[1].split(":")[0] for outcome in failed}
    assert {"synthesis", "place and route", "packing"} <= steps
