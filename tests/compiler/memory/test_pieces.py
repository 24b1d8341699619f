"""What of an input is said to be free is used by no later layer, and the program's flags say so."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.ir.descriptor import Descriptor
from accel.config import FLASH, AcceleratorConfig
from accel.isa import Isa
from accel.protocol import BAND_BITS, FREE_BITS
from accel.sim.functional.decode import decode_layer
from tests.support.networks.small import Chain, two_convolutions
from tests.support.networks.tflite.typical import networks

CONFIG = AcceleratorConfig(bank_words=4096)
BANDED = AcceleratorConfig(bank_words=1024, flash_lanes=4)


def large_input():
    """A network whose input has no room in the memory of ``BANDED``."""
    return Chain((1, 48, 12, 8)).convolution(8, padding=((0, 0), (1, 1))).convolution(4).graph()


def used(code, number):
    """Bank and words that a layer uses."""
    config, chunk = code.config, code.chunks[number]
    layer = decode_layer(chunk.data, config)
    bank = layer.descriptor.input_bank
    groups = np.arange(layer.descriptor.groups) * layer.descriptor.input_group_step
    read = np.unique(layer.reads[layer.reads >= 0] // config.rows)
    yield from ((bank, word) for word in np.unique(read[:, None] + groups))
    written = np.unique(layer.writes[layer.writes >= 0] // config.rows)
    yield from ((1 - bank, word) for word in written)
    for part in (chunk, code.transfers[number]):
        if part is not None and part.bank != FLASH:
            end = part.address + part.size // config.rows
            yield from ((part.bank, word) for word in range(part.address, end))


def assert_free(code):
    """Pieces cover all inputs; none is free too early; the descriptors have the right flags."""
    isa, last = Isa(code.config), len(code.commands) - 1
    layers = [set(used(code, number)) for number in range(len(code.commands))]
    for one in code.inputs:
        own = [p for p in code.pieces if p.tensor == one.tensor]
        edges = [(p.first, p.first + p.words) for p in own]
        assert edges[0][0] == 0 and edges[-1][1] == one.layout.words(code.config.rows)
        assert all(a[1] == b[0] for a, b in pairwise(edges))
    before = -1
    for piece in code.pieces:
        if piece.after is None:
            before = last + 1
            continue
        assert before <= piece.after < last and piece.takes == (piece.after > before)
        before = piece.after
        place = code.memory.tensors[piece.tensor]
        start = place.address + piece.first
        words = {(place.bank, word) for word in range(start, start + piece.words)}
        until = piece.reader if piece.during else None
        assert not any(words & layer for layer in layers[piece.after + 1 : until])
    flags = [Descriptor.from_bytes(chunk.data, isa) for chunk in code.chunks]
    freeing = {p.after for p in code.pieces if p.takes}
    assert [f.release for f in flags] == [n in freeing for n in range(len(flags))]
    readers = {p.reader for p in code.pieces}
    assert [f.wait for f in flags] == [n in readers for n in range(len(flags))]


def test_no_layer_uses_a_place_that_is_free():
    reached = Counter()

    @settings(max_examples=60)
    @given(networks(), st.sampled_from((CONFIG, BANDED, BANDED.replace(bank_words=400))))
    def drawn(graph, config):
        try:
            code = compile_graph(graph, config)
        except (CannotCompile, DoesNotFit):
            return
        assert_free(code)
        assert sum(p.takes for p in code.pieces if not p.during) < 1 << FREE_BITS
        reached["free"] += any(p.after is not None for p in code.pieces)
        reached["never free"] += any(p.after is None for p in code.pieces)
        reached["in flash"] += bool(code.memory.flash_bytes)

    drawn()
    assert all(reached.values()) and len(reached) == 3, reached


def test_the_place_of_an_input_is_free_after_the_layer_that_reads_it():
    code = compile_graph(two_convolutions(), CONFIG)
    (piece,) = code.pieces
    assert (piece.after, piece.takes, piece.during, piece.reader) == (0, True, False, None)


def test_bands_come_to_one_place_after_another_each_before_its_reader():
    code = compile_graph(large_input(), BANDED)
    assert_free(code)
    own = [p for p in code.pieces if p.during]
    assert len(own) > 3
    readers = [p.reader for p in code.pieces if p.reader is not None]
    assert len(readers) == len(code.inputs)
    for piece in own:
        assert piece.after < piece.reader
        # As few are on their way as the core counts.
        waiting = [p for p in own if p.after < piece.reader <= p.reader]
        assert len(waiting) < min(1 << FREE_BITS, 1 << BAND_BITS)


@pytest.mark.parametrize("words", [1400, 4096])
def test_an_input_that_has_room_comes_as_a_whole(words):
    code = compile_graph(large_input(), BANDED.replace(bank_words=words))
    assert [one.tensor for one in code.inputs] == ["x"]
    assert not any(p.during or p.reader for p in code.pieces)
