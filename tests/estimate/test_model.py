"""Estimates are near builds that they were not fitted to, and say what they rest on."""

import pytest

from accel import boards
from accel.estimate import NotEstimated, estimate
from accel.estimate.model import LOGIC
from accel.estimate.records import records
from accel.target import resources
from tests.support.held_out import held_out

HELD_OUT = {one.record.name: one for one in held_out()}
FITTED = [record for record in records() if not record.held_out]


def test_there_are_builds_of_every_family_that_nothing_is_fitted_to():
    assert {one.record.config.family for one in HELD_OUT.values()} == set(LOGIC)


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_builds_are_estimated_well(name):
    assert abs(HELD_OUT[name].logic.error) <= 0.10
    assert abs(HELD_OUT[name].fmax_mhz.error) <= 0.20


@pytest.mark.parametrize("name", HELD_OUT)
def test_cells_that_the_core_asks_for_are_counted(name):
    needed, used = HELD_OUT[name].estimate.used, HELD_OUT[name].record.used
    for cell in ("DSP", "SPRAM", "EBR"):
        assert needed.get(cell, 0) == used.get(cell, 0)


def test_held_out_builds_have_no_part_in_estimates():
    board = boards.get("icebreaker")
    config = resources.configure(board)
    everything = [*FITTED, *(one.record for one in HELD_OUT.values())]
    assert estimate(config, board) == estimate(config, board, FITTED)
    assert estimate(config, board) != estimate(config, board, everything)


def test_more_columns_take_more_logic():
    board = boards.get("icebreaker")
    small, large = (
        estimate(resources.configure(board, columns=columns), board) for columns in (2, 4)
    )
    assert small.used["LC"] < large.used["LC"]


def test_a_core_that_is_larger_than_the_device_does_not_fit():
    board = boards.get("icebreaker")
    assert estimate(resources.configure(board), board).fits
    assert not estimate(resources.configure(board, rows=8, columns=8), board).fits


def test_a_family_without_builds_is_not_estimated():
    board = boards.get("icebreaker")
    with pytest.raises(NotEstimated, match=r"No build for ice40up .* accel build --board icebrea"):
        estimate(resources.configure(board), board, [])
