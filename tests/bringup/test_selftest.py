"""The self-test names what is wrong with a core: here one in Python, with a fault of each kind."""

from dataclasses import replace

import numpy as np
import pytest

from accel.api import configuration
from accel.bringup.array_check import check_array, check_requantizers
from accel.bringup.control_check import check_control
from accel.bringup.flash_check import check_flash
from accel.bringup.identity_check import check_identity
from accel.bringup.link_check import check_link
from accel.bringup.memory_march import check_memory
from accel.bringup.selftest import NAMES, NoSuchStep, selftest
from accel.bringup.tables_check import check_tables
from accel.bringup.weights_check import check_weights
from accel.config import AcceleratorConfig
from accel.host.driver import Driver
from accel.protocol import CRC_BYTES, HEADER_BYTES, crc
from accel.sim.functional.layer import DecodedLayer
from tests.support.host.fake_core import FakeCore, Line

CONFIG = AcceleratorConfig(bank_words=1024, weight_steps=256, requantizers=2, flash_lanes=4)


class FaultyCore(FakeCore):
    """A core, the memory of which holds some bits whatever is written there."""

    def __init__(self, config=CONFIG, held=()):
        super().__init__(config)
        self.held = held

    def _serve(self):
        super()._serve()
        for bank, word, bit, value in self.held if not self._frame else ():
            words = self.memory[0, bank].reshape(-1, self.config.rows)
            mask = 1 << bit % 8
            words[word, bit // 8] = words[word, bit // 8] & (255 - mask) | mask * value


@pytest.fixture
def broken(monkeypatch):
    """Has the core, and not the machine beside it, spoil codes that are chosen by element."""

    def install(spoils):
        right = DecodedLayer.run

        def run(self, memory):
            right(self, memory)
            if memory.shape[2] != CONFIG.bank_words * CONFIG.rows or self.descriptor.keep_sums:
                return
            positions, columns = np.indices(self.writes.shape[1:])
            chosen = (self.writes >= 0) & spoils(positions % CONFIG.rows, columns)
            memory[:, 1 - self.descriptor.input_bank, self.writes[chosen]] ^= 5

        monkeypatch.setattr(DecodedLayer, "run", run)

    return install


def places(step):
    assert step.failed, step
    return [dict(place) for place in step.places]


def test_a_right_core_passes_what_it_can_be_tested_for():
    steps = {step.name: step for step in selftest(CONFIG, FakeCore(CONFIG))}
    assert tuple(steps) == NAMES
    cannot = {name for name, step in steps.items() if step.outcome == "not possible"}
    assert {name for name, step in steps.items() if step.failed} == {"flash"}  # it has no chip
    assert cannot == {"network"}  # which does not fit
    assert "no room" in steps["network"].said


def test_a_line_that_spoils_frames_is_told_with_their_number():
    core = FakeCore(CONFIG)
    core.to_core = Line(lost={3000, 9000})
    step = check_link(Driver(core, CONFIG))
    assert places(step) == [{"link": "spoilt", "frames": 2, "of": 128}]


def test_a_core_that_does_not_answer_leaves_all_that_follows_untested():
    core = FakeCore(CONFIG)
    core.to_core = Line(lost=range(1 << 30))
    first, *others = selftest(CONFIG, core)
    assert first.failed and "did not answer" in first.said
    assert {step.outcome for step in others} == {"not possible"}
    assert others[0].said == "needs link, see above"


def test_a_core_that_takes_spoilt_frames_for_right_is_told(monkeypatch):
    core = FakeCore(CONFIG)
    monkeypatch.setattr(FakeCore, "_serve", _serve_without_crc)
    assert places(check_link(Driver(core, CONFIG), frames=0)) == [{"link": "spoilt frame"}]


def _serve_without_crc(self, serve=FakeCore._serve):
    if len(self._frame) == HEADER_BYTES:
        self._frame[-CRC_BYTES:] = crc(bytes(self._frame[:-CRC_BYTES]))
    serve(self)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"columns": 8}, {"differs": "columns"}),
        ({"sum_bits": 25}, {"differs": "sum_bits", "is": 25}),
        ({"flash_lanes": 2}, {"differs": "flash_lanes", "is": 2}),
        ({"weight_steps": 512}, {"differs": "weight_steps", "is": 512}),
        ({"sum_bits": 25, "flash_lanes": 2}, {"differs": "configuration"}),
    ],
)
def test_another_core_is_named_by_what_differs(changes, differs):
    core = FakeCore(replace(CONFIG, **changes))
    assert places(check_identity(Driver(core, CONFIG))) == [differs]


def test_the_core_of_another_board_is_named():
    core = FakeCore(configuration("orangecrab_r0_2_25f"))
    said = check_identity(Driver(core, CONFIG)).said
    assert said.startswith("it has 8 rows, not 4; it is the core of board ")
    assert "orangecrab_r0_2_25f" in said


@pytest.mark.parametrize(
    ("held", "place"),
    [
        ([(0, 77, 13, 1)], {"bank": 0, "byte_lane": 1, "bit": 13, "addresses": [77]}),
        ([(1, 1023, 0, 0)], {"bank": 1, "byte_lane": 0, "bit": 0, "addresses": [1023]}),
        ([(1, slice(None), 31, 1)], {"bank": 1, "byte_lane": 3, "bit": 31}),
    ],
    ids=["a cell at 1", "a cell at 0", "a bit of all words"],
)
def test_a_memory_that_holds_a_bit_is_named_by_bank_address_and_bit(held, place):
    assert places(check_memory(Driver(FaultyCore(held=held), CONFIG))) == [place]


@pytest.mark.parametrize("bit", [0, 9])
def test_an_address_bit_without_effect_is_named(bit):
    """Words of one frame, and of different ones."""

    class Aliasing(FakeCore):
        def _serve(self):
            before = self.memory.copy()
            super()._serve()
            words = self.memory[0, 1].reshape(-1, 1 << bit, CONFIG.rows)
            old = before[0, 1].reshape(words.shape)
            changed = (words != old).any(axis=(1, 2))
            for one, other in ((1, 0), (0, 1)):
                here = changed[one::2]
                words[other::2][here] = words[one::2][here]

    (place,) = places(check_memory(Driver(Aliasing(CONFIG), CONFIG)))
    assert place == {"bank": 1, "address_bit": bit}


def flash_with(content):
    core = FakeCore(CONFIG)
    core.flash = content
    return check_flash(Driver(core, CONFIG))


def test_a_flash_is_judged_by_what_the_core_reads_there():
    random = np.random.default_rng(1).integers(0, 256, 4096, np.uint8)
    assert "no program" in flash_with(random.tobytes()).said
    assert places(flash_with(b"")) == [{"flash": "no chip"}]
    assert places(flash_with((random & 0x77).tobytes())) == [{"flash": "IO3"}]
    assert places(flash_with((random | 0x44).tobytes())) == [{"flash": "IO2"}]
    blank = flash_with(b"\xff" * 65536 + b"\0")
    assert blank.outcome == "not possible" and "quad-enable bit is not set" in blank.said


def test_a_core_without_a_flash_cannot_be_tested_for_one():
    config = CONFIG.replace(flash_lanes=0)
    assert check_flash(Driver(FakeCore(config), config)).outcome == "not possible"


@pytest.mark.parametrize(
    ("spoils", "place"),
    [
        (lambda row, column: (row == 2) & (column == 1), {"row": 2, "column": 1}),
        (lambda row, column: row == 3, {"row": 3}),
        (lambda row, column: column == 0, {"column": 0}),
        (lambda row, column: row >= 0, {"array": "all"}),
    ],
    ids=["an element", "a row", "a column", "all"],
)
def test_elements_that_are_wrong_are_named(broken, spoils, place):
    broken(spoils)
    assert places(check_array(CONFIG, FakeCore(CONFIG))) == [place]


@pytest.mark.parametrize(
    ("spoils", "place"),
    [
        (lambda row, column: column % 2 == 1, {"requantizer": 1}),
        (lambda row, column: column == 2, {"requantizer": 0, "column": 2}),
    ],
    ids=["a requantizer", "a column's parameters"],
)
def test_requantizers_that_are_wrong_are_named(broken, spoils, place):
    broken(spoils)
    assert places(check_requantizers(CONFIG, FakeCore(CONFIG))) == [place]


def test_elements_that_add_to_nothing_are_left_to_the_array(broken):
    broken(lambda row, column: (row == 2) & (column == 1))
    assert check_requantizers(CONFIG, FakeCore(CONFIG)).outcome == "not possible"


GROUPS, POSITIONS, COLUMNS = range(3)


@pytest.fixture
def half_done(monkeypatch):
    """Has the core write back what a function of the bytes before and after a layer gives, where
    they go, ``[groups, positions, columns]``."""

    def install(written):
        right = DecodedLayer.run

        def run(self, memory):
            before = memory.copy()
            right(self, memory)
            real = self.writes >= 0
            at = np.where(real, self.writes, 0)
            bank = 1 - self.descriptor.input_bank
            codes = written(before[0, bank][at], memory[0, bank][at], np.indices(at.shape), at % 4)
            memory[0, bank, self.writes[real]] = codes[real]

        monkeypatch.setattr(DecodedLayer, "run", run)

    return install


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (
            lambda old, new, at, lane: np.where(at[GROUPS] % 4 == 2, old, new),
            {"sequencer": "groups", "groups": [2, 6]},
        ),
        (
            lambda old, new, at, lane: np.where(at[GROUPS] == 5, np.roll(new, 1, axis=0), new),
            {"sequencer": "groups", "groups": [5]},
        ),
        (lambda old, new, at, lane: old, {"sequencer": "layer"}),
        (
            lambda old, new, at, lane: np.where(lane == 3, old, new),
            {"write_back": "lane", "lane": 3},
        ),
        (
            lambda old, new, at, lane: np.where(lane == 2, new | 16, new),
            {"write_back": "data", "lane": 2, "bit": 4},
        ),
        (
            lambda old, new, at, lane: np.where(at[POSITIONS] % 8 == 5, old, new),
            {"write_back": "addresses"},
        ),
    ],
    ids=["groups left out", "another group's", "nothing", "a lane", "a bit of a lane", "positions"],
)
def test_what_sequencer_and_write_back_leave_is_named(half_done, written, place):
    half_done(written)
    assert places(check_control(CONFIG, FakeCore(CONFIG))) == [place]


def test_wrong_codes_where_they_belong_are_left_to_the_next_steps(broken):
    broken(lambda row, column: (row == 2) & (column == 1))
    step = check_control(CONFIG, FakeCore(CONFIG))
    assert step.passed and "hold another code, see the next steps" in step.said


def test_weights_and_tables_of_a_right_core_are_all_seen():
    for check in (check_weights, check_tables):
        assert check(CONFIG, FakeCore(CONFIG)).passed


def test_a_step_that_there_is_not_is_refused():
    with pytest.raises(NoSuchStep, match=r"^Step must be one of link, identity, .*, not 'x'$"):
        list(selftest(CONFIG, FakeCore(CONFIG), only=["x"]))
