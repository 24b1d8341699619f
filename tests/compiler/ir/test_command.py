"""A command that is cut into groups computes what the whole one does."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.ir.command import cut
from accel.compiler.ir.stream import group_weight_words, pack_stream
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.sim.functional.decode import decode_layer

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits"


@pytest.mark.parametrize("rows, columns, lanes", [(4, 4, 4), (3, 5, 1), (8, 4, 2), (2, 8, 4)])
def test_a_command_that_is_cut_computes_the_same(rows, columns, lanes):
    """Any groups of any layer of the digits, on memory that is full of noise."""
    config = AcceleratorConfig(
        rows=rows, columns=columns, weight_steps=7680, bank_words=1 << 14, flash_lanes=lanes
    )
    random = np.random.default_rng(rows)
    for whole in compile_graph(load(DIGITS / "digits_int8.tflite"), config).commands:
        memory = random.integers(0, 256, (1, 2, config.bank_words * rows), np.uint8)
        expected, found = memory.copy(), memory.copy()
        layer_of(whole, config).run(expected)
        cuts = sorted({0, whole.groups, *random.integers(0, whole.groups + 1, 2).tolist()})
        for first, end in pairwise(cuts):
            part = cut(whole, first, end - first, config)
            if part is whole and first:
                continue  # all groups share their weights
            layer_of(part, config).run(found)
        np.testing.assert_array_equal(found, expected, err_msg=whole.name)
        assert (expected != memory).any()


def layer_of(command, config):
    """A command, decoded; it reads the middle of bank 0 and writes the begin of bank 1."""
    descriptor = replace(
        command.descriptor,
        input_base=config.bank_words // 2 + command.descriptor.input_base,
        weight_words=group_weight_words(command, config),
    )
    return decode_layer(descriptor.to_bytes(Isa(config)) + pack_stream(command, config), config)
