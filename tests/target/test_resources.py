# amaranth: UnusedElaboratable=no
"""What a configuration takes is known before synthesis, and is what the core is made of."""

import pytest

from accel import boards
from accel.config import AcceleratorConfig
from accel.core.datapath.array import SystolicArray
from accel.core.memory.activation_banks import ActivationBanks
from accel.target import resources

SIZES = ((2, 2), (4, 4), (4, 8), (8, 4), (8, 8))


@pytest.mark.parametrize("rows, columns", SIZES)
@pytest.mark.parametrize("family", ["ice40up", "ecp5"])
@pytest.mark.parametrize("element", ["multiplier", "booth"])
def test_dsp_and_spram_are_those_of_the_core(element, family, rows, columns):
    config = AcceleratorConfig(rows=rows, columns=columns, family=family, element=element, dsps=7)
    needed = resources.needs(config)
    assert needed["DSP"] == getattr(SystolicArray(config).products, "cells", 0)
    assert needed.get("SPRAM", 0) == sum(bank.sprams for bank in ActivationBanks(config).banks)


def test_the_generic_family_needs_no_cells():
    assert resources.needs(AcceleratorConfig()) == {}


@pytest.mark.parametrize("name", boards.BOARDS)
def test_every_board_has_room_for_its_default(name):
    board = boards.get(name)
    resources.check_fits(resources.configure(board), board)


def test_other_rows_keep_the_memory():
    board = boards.get("icebreaker")
    sizes = {rows: resources.configure(board, rows=rows).bank_words for rows in (2, 3, 4, 8)}
    assert sizes == {2: 32768, 3: 16384, 4: 16384, 8: 8192}
    assert resources.configure(board, rows=8, bank_words=1024).bank_words == 1024


def test_too_large_is_said_with_numbers():
    board = boards.get("icebreaker")
    with pytest.raises(resources.TooLarge) as caught:
        resources.check_fits(resources.configure(board, columns=8, weight_steps=512), board)
    assert str(caught.value) == (
        "Board icebreaker is too small for this core:\n"
        "  the 4x8 core needs 16 DSP (the array's multipliers), iCE40UP5K-SG48 has 8"
    )
