"""The drawing of the pipeline has the core's cycles: they add up to what the cycle model says."""

import pytest

import accel
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.target import resources
from tests.support.documents.pipeline import BOARDS, SHOWN, pipeline, timeline
from tests.support.networks.small import Chain


def one_tile(config: AcceleratorConfig):
    """A program of one layer with a single tile of a single group."""
    graph = Chain((1, 4)).fully_connected(4).graph()
    return accel.compile(graph, config=config)


@pytest.mark.parametrize("board", BOARDS)
def test_the_stages_add_up_to_the_cycle_models_way_of_a_result(board):
    config = resources.configure(accel.boards.get(board))
    program = one_tile(config)
    (layer,) = program.cycles
    begun = Isa(config).descriptor_words + layer.waiting_weights
    memory = next(stage for stage in pipeline(config) if stage.name == "activation bank").cycles
    # The descriptor is read and looked at, weights come, and the tile begins a cycle before its
    # first step. The way of its last step is the pipeline; then its results leave one after the
    # other.
    before = begun + memory + 2
    stages = sum(stage.cycles for stage in pipeline(config))
    last_step, last_result = layer.busy - 1, config.drain_cycles - 1
    counted = 1  # the first cycle is cycle 0
    assert layer.cycles == before + last_step + stages + last_result + counted


def test_the_drawing_is_as_long_as_the_stages():
    _, heading, *rows, _ = timeline().splitlines()
    assert heading.startswith("cycle")
    config = resources.configure(accel.boards.get(SHOWN))
    total = sum(stage.cycles for stage in pipeline(config))
    begins = {row[:20].strip(): row[20:].index("A") for row in rows}
    assert begins["write-back"] == begins["tile loops"] + total - 1 + 15
