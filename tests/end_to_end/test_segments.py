"""Networks in which the driver computes between layers of the core answer as TFLite Micro does, on
every executor and from program files. `tests.campaigns.driver_segments` draws more of them."""

import numpy as np
import pytest

import accel
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.tflite.reader import read
from accel.export.ends import CannotExport, ends_of
from accel.host.timing.line import bytes_of, crossings
from tests.campaigns.driver_segments import CORES, Tally, attempt
from tests.support.networks.tflite.segmented import Sequence
from tests.support.networks.tflite.states import with_states

ACROSS = (
    63  # a network whose weights are copied from flash while the last layer before a border runs
)


def test_drawn_networks_answer_as_the_oracle():
    tally = Tally()
    for number in range(0, 12, 2):
        attempt(number, "plain", tally)
    assert len(tally.segments) >= 2
    assert sum(tally.segments.values()) >= 5, tally


@pytest.mark.xdist_group("generic 4x4")
def test_rtl_goes_on_where_the_driver_has_computed():
    tally = Tally()
    attempt(0, "plain", tally, ("rtl",))
    assert max(tally.segments) > 1


def test_what_is_copied_from_flash_before_a_border_is_there_after_it():
    tally = Tally()
    attempt(ACROSS, "flash", tally, ("rtl",))
    assert tally.ahead == 1


@pytest.mark.parametrize(("number", "executor"), [(2, "rtl"), (10, "machine"), (19, "machine")])
def test_states_are_what_they_are_wherever_the_driver_reads_or_leaves_them(number, executor):
    """Two of these leave a state that the driver computes; a copy of it comes last."""
    drawn = Sequence(number)
    graph = with_states(read(drawn.bytes(), "drawn.tflite"), number)
    inputs = drawn.samples(4)
    with accel.compile(graph, config=CORES["plain"]) as program:
        assert len(program.code.partition.segments) > 1
        expected = program.run(inputs, "reference").outputs
        for name, values in program.run(inputs, executor).outputs.items():
            np.testing.assert_array_equal(values, expected[name])


@pytest.fixture(scope="module")
def drawn():
    return Sequence(0)


@pytest.fixture(scope="module")
def program(drawn):
    return accel.compile(read(drawn.bytes(), "drawn.tflite"), board="icebreaker")


def test_every_nodes_output_can_be_read(program, drawn):
    inputs = drawn.samples(3)
    machine, reference = (program.run(inputs, who, layers=True) for who in ("machine", "reference"))
    between = {n.name for one in program.code.partition.segments[1:] for n in one.driver}
    assert between & machine.layers.keys()
    for name, values in machine.layers.items():
        np.testing.assert_array_equal(values, reference.layers[name])


def test_reports_say_what_crosses_and_how_long_that_takes(program):
    report, (timing, found) = program.report(), (program.timing(), crossings(program.code))
    assert len(report.crossings) == len(program.code.runs) - 1 == len(timing.crossings_ms)
    listed = report.as_dict()["crossings"]
    assert [one["driver"] for one in listed] == [list(one.nodes) for one in found]
    assert all(one["bytes_from_core"] and one["bytes_to_core"] for one in listed)
    assert 0 < sum(timing.crossings_ms) < timing.link_ms
    assert timing.line_bytes == bytes_of(program.code)[0]
    assert "inside the network" in str(timing)


def test_without_the_host_a_network_that_needs_it_is_refused(drawn):
    graph = read(drawn.bytes(), "drawn.tflite")
    with pytest.raises(CannotCompile, match=r"\(SOFTMAX\).*only by the driver.*--no-host"):
        accel.compile(graph, host=False)


def test_exports_refuse_what_is_between_by_name(program):
    with pytest.raises(CannotExport, match=r"operator 1 \(SOFTMAX\) between layers of the core"):
        ends_of(program.code)
