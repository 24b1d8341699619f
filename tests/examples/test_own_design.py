"""A core in a design of somebody's own computes what it computes alone."""

import numpy as np

from examples.own_design.own_design import main


def test_a_core_in_an_own_design_answers_like_the_machine_and_its_cycles_are_counted_there():
    output, expected, cycles, counted = main()
    assert np.array_equal(output, expected)
    assert cycles == counted > 1000
