"""The words that a layer reads are those that its loops come to."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.ir.command import cut_runs
from accel.compiler.memory.input_reads import last_reads, words_read
from accel.compiler.pipeline import PASSES, Compilation, run_passes
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.sim.functional.decode import decode_layer
from tests.compiler.memory.test_row_bands import assert_machine
from tests.support.networks.small import Chain
from tests.support.networks.tflite.typical import networks

SIZES = [(4, 4), (3, 5), (8, 16)]


def config_of(size):
    return AcceleratorConfig(rows=size[0], columns=size[1], bank_words=8192)


@pytest.mark.parametrize("size", SIZES)
def test_words_read_are_those_from_the_first_to_the_last_that_the_loops_read(size):
    config, kinds = config_of(size), Counter()

    @settings(max_examples=25)
    @given(networks())
    def drawn(graph):
        try:
            code = compile_graph(graph, config)
        except CannotCompile:
            return
        for command, chunk in zip(code.commands, code.chunks, strict=True):
            reads = decode_layer(chunk.data, config).reads
            words = reads[reads >= 0] // config.rows - code.memory.tensors[command.source].address
            low, high = words_read(command, Isa(config))
            if not len(words):
                continue
            # Of grouped convolutions the reads are those of the first group of columns.
            f = command.descriptor
            words = np.append(words, words.max() + (f.groups - 1) * f.input_group_step)
            if command.descriptor.broadcast:  # whose rows that fill a tile read on, too
                assert low <= words.min() and words.max() < high + config.rows
            else:
                assert (low, high) == (words.min(), words.max() + 1)
            kinds[command.mode] += 1

    drawn()
    assert len(kinds) > 1


def test_rows_of_an_input_are_last_read_by_the_part_that_needs_them():
    config = config_of((4, 4))
    graph = Chain((1, 16, 8, 4)).convolution(4).graph()
    c = run_passes(Compilation(source=graph, graph=graph, config=config), last="select")
    (command,), runs = c.commands, 8
    parts = [cut_runs(command, first, runs // 2) for first in range(0, 16, runs // 2)]
    found = last_reads(parts, command.source, 16 * 8, Isa(config))
    # The first row of a part is also read by the one before, the last one by the one after.
    assert np.unique(found, return_counts=True)[1].tolist() == [24, 32, 32, 40]


def test_layers_in_parts_of_rows_compute_the_same():
    reached = Counter()

    @settings(max_examples=25)
    @given(networks(), st.sampled_from(SIZES), st.randoms(use_true_random=False))
    def drawn(graph, size, random):
        begun = Compilation(source=graph, graph=graph, config=config_of(size))
        try:
            c = run_passes(begun, last="select")
        except CannotCompile:
            return
        commands = []
        for command in c.commands:
            runs = command.descriptor.runs
            at = random.randint(1, runs - 1) if runs > 1 else runs
            residual = command.residual and command.residual != command.output
            if at == runs or residual or command.parts > 1:  # kept sums have places by their tiles
                commands.append(command)
                continue
            commands += [cut_runs(command, 0, at), cut_runs(command, at, runs - at)]
            reached[command.mode] += 1
        c = c.replace(commands=tuple(commands))
        for name, one in PASSES[[n for n, _ in PASSES].index("allocation") :]:
            c = one(c)
            assert name
        assert_machine(c.program(), 1)

    drawn()
    assert len(reached) > 1
