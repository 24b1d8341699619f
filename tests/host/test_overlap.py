"""The next sample's input is sent while a sample is computed, as its place becomes free."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.memory.pieces import Piece
from accel.config import AcceleratorConfig
from accel.host.overlap import input_banks, input_bytes, overlapped, shared_layers
from accel.protocol import ALL_LAYERS
from tests.support.networks.small import two_convolutions

CONFIG = AcceleratorConfig()
CODE = compile_graph(two_convolutions(), CONFIG)
WORDS = CODE.pieces[0].words


class Log:
    """Runs that take so many cycles and are told; a word takes a cycle on the line."""

    def __init__(self, cycles, knows=True):
        self.cycles, self.knows = cycles, knows
        self.time, self.log, self.ends = 0, [], []

    def send(self, sample, piece, when_free=False):
        first, end = piece.first, piece.first + piece.words
        self.log.append((self.time, sample, first, end, when_free))
        self.time += piece.words

    def begin(self, shared_layers):
        begin = max([self.time, *self.ends])
        self.ends.append(begin + self.cycles)
        self.log.append(("run", shared_layers))
        return len(self.ends) - 1

    def end(self, run):
        self.time = max(self.time, self.ends[run])
        self.log.append(("end", run))
        return run

    def now(self):
        return self.time if self.knows else None

    def pause(self, cycles):
        self.time += cycles


def program(*found, states=()):
    """The program with other pieces: words, and the layer after which their place is free."""
    pieces, first = [], 0
    for words, after, *during in found:
        piece = Piece("x", first, words, after, takes=after is not None)
        pieces.append(replace(piece, during=bool(during), reader=during[0] if during else None))
        first = 0 if during else first + words
    return SimpleNamespace(
        config=CONFIG,
        inputs=CODE.inputs,
        placement=CODE.placement,
        pieces=tuple(pieces),
        states=states,
    )


def test_the_place_of_an_input_is_free_after_the_layer_that_reads_it():
    assert [piece.after for piece in CODE.pieces] == [0]
    assert input_banks(CODE) == {0}


def test_what_is_free_is_sent_when_it_is_and_the_next_run_waits():
    core = Log(1000)
    assert list(overlapped(core, CODE, [160, 840], "abc", 0.1)) == [0, 1, 2]
    free = 160 * 257 // 256
    assert core.log == [
        (0, "a", 0, WORDS, False),
        ("run", ALL_LAYERS),
        (WORDS + free, "b", 0, WORDS, True),
        ("run", ALL_LAYERS),
        ("end", 0),
        (WORDS + 1000 + free, "c", 0, WORDS, True),
        ("run", 0),  # nothing comes during this one
        ("end", 1),
        ("end", 2),
    ]


def test_what_is_not_free_is_sent_after_the_result():
    core = Log(1000)
    assert list(overlapped(core, program((10, 0), (WORDS - 10, None)), [160, 840], "ab")) == [0, 1]
    assert core.log[3:] == [
        (WORDS + 160, "b", 0, 10, True),
        ("end", 0),
        (WORDS + 1000, "b", 10, WORDS, False),
        ("run", 0),
        ("end", 1),
    ]


def test_the_next_run_of_states_begins_when_the_result_is_there():
    core = Log(1000)
    list(overlapped(core, program((WORDS, 0), states=("one",)), [160, 840], "ab"))
    sent, *rest = core.log[2:]
    assert sent[1] == "b"  # its input comes while the run goes on
    assert rest == [("end", 0), ("run", 0), ("end", 1)]


def test_pieces_are_sent_one_after_another_each_when_it_is_free():
    core = Log(4000)
    both = program((10, 0), (WORDS - 10, 1))
    list(overlapped(core, both, [160, 1600, 2000], "ab"))
    assert core.log[3:5] == [
        (WORDS + 160, "b", 0, 10, True),
        (WORDS + 1766, "b", 10, WORDS, True),
    ]


def test_who_does_not_know_the_time_sends_at_once():
    core = Log(1000, knows=False)
    list(overlapped(core, CODE, [160, 840], "ab"))
    assert core.log[2] == (WORDS, "b", 0, WORDS, True)


@pytest.mark.parametrize(
    ("byte_cycles", "layers"), [(0.0, 1), (0.01, 2), (1.0, 9), (30.0, ALL_LAYERS)]
)
def test_layers_leave_cycles_free_as_long_as_the_input_takes_twice_over(byte_cycles, layers):
    size = input_bytes(CODE)
    cycles = [100] + [size // 4] * 12
    assert shared_layers(CODE, cycles, byte_cycles) == layers
    assert shared_layers(CODE, cycles) == ALL_LAYERS
    assert shared_layers(program((WORDS, None)), cycles, byte_cycles) == 0


def test_bands_are_sent_during_their_own_run():
    """Each once its place is free, as far as the run has come: it has waited for those before."""
    core = Log(4000)
    banded = program((100, 0, 2), (60, 1, 3), (20, 3), (10, None))
    list(overlapped(core, banded, [50, 5, 5, 100, 100], "ab"))
    assert (
        core.log
        == [
            (0, "a", 0, 20, False),
            (20, "a", 20, 30, False),
            ("run", ALL_LAYERS),
            (
                80,
                "a",
                0,
                100,
                True,
            ),  # free after 50 cycles; the third layer begins at 180, not at 85
            (180, "a", 0, 60, True),
            (340, "b", 0, 20, True),  # 160 cycles of layers, which have waited for 95 and 55
            ("end", 0),
            (4030, "b", 20, 30, False),
            ("run", ALL_LAYERS),
            *core.log[9:11],
            ("end", 1),
        ]
    )
