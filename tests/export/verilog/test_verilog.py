"""Exported cores: what is in the folder, and that Icarus gets from it what our own RTL says."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import verilog as amaranth_verilog

from accel import boards
from accel.config import AcceleratorConfig
from accel.core.buses import BUSES, WishboneCore
from accel.core.buses.wishbone import WishboneBridge
from accel.core.core import Core
from accel.export.verilog import licence
from accel.export.verilog.convert import NotExported, verilog
from accel.export.verilog.example import digits, example
from accel.export.verilog.export import UnknownBus, export
from accel.export.verilog.facts import facts_of
from accel.export.verilog.readme import readme
from accel.export.verilog.testbench import ANSWERED, STEPS
from accel.flow.tools import find_tool
from accel.protocol import COUNTER_BITS
from accel.sim.cycles.cycle_model import predict
from accel.target import resources
from tests.export.verilog.conftest import SMALL
from tests.support.verilog import ICARUS, simulate

LICENSE = Path(__file__).resolve().parents[3] / "LICENSE"
icarus = pytest.mark.skipif(not ICARUS, reason="needs Icarus Verilog")


@pytest.fixture
def copied(exported, tmp_path):
    """Return a function that gives a copy of an export that a test may spoil."""

    def of(bus="axis"):
        return Path(shutil.copytree(exported(bus).folder, tmp_path / bus))

    return of


@icarus
def test_icarus_answers_every_byte_as_our_rtl_and_takes_its_cycles(copied, exported, bus):
    code, text = simulate(copied(bus))
    recording = exported(bus).recording
    assert code == 0, text
    answered = sum(len(step.answered) for step in recording.steps)
    assert f"PASS: {answered} bytes of answers are equal" in text
    assert f"took {recording.counters['cycles']} cycles" in text


@icarus
def test_a_testbench_fails_where_one_bit_of_one_answer_differs(copied):
    folder = copied()
    text = (folder / ANSWERED).read_text()
    last = text.rstrip()[-1]
    (folder / ANSWERED).write_text(text.rstrip()[:-1] + f"{int(last, 16) ^ 1:x}\n")
    code, said = simulate(folder)
    assert code != 0
    assert re.search(r"FAIL: byte \d+ of the answers is \w\w, not \w\w", said)
    assert "PASS" not in said


@icarus
def test_a_testbench_fails_where_the_core_answers_more_than_is_expected(copied):
    folder = copied()
    *steps, last = (folder / STEPS).read_text().splitlines()
    sent, answered = (int(word, 16) for word in last.split())
    (folder / STEPS).write_text("\n".join([*steps, f"{sent:08x} {answered - 1:08x}"]) + "\n")
    bytes_ = (folder / ANSWERED).read_text().split()
    (folder / ANSWERED).write_text(" ".join(bytes_[:-1]) + "\n")
    bench = folder / "testbench.v"
    shorter = bench.read_text().replace(f"ANSWERED = {answered}", f"ANSWERED = {answered - 1}")
    bench.write_text(shorter)
    code, said = simulate(folder)
    assert code != 0
    assert "after the last answer" in said


@icarus
def test_a_testbench_ends_by_itself_where_the_core_does_not_answer(copied):
    folder = copied()
    bench = folder / "testbench.v"
    bench.write_text(re.sub(r"LIMIT = \d+", "LIMIT = 2000", bench.read_text()))
    code, said = simulate(folder)
    assert code != 0
    assert "answered after 2000 cycles" in said


def test_the_recorded_run_is_the_network_s_own(exported):
    """Its cycles are the model's, and its answer is the machine's."""
    recording, found = exported().recording, example(SMALL)
    model = predict(found.program.code)
    assert recording.counters["cycles"] == sum(layer.cycles for layer in model)
    answered = b"".join(step.answered for step in recording.steps)
    first = int.from_bytes(answered[recording.counters_at :][:4], "little")
    assert first & (1 << COUNTER_BITS) - 1 == recording.counters["cycles"]
    with found.program as program:
        machine = program.run(found.sample[np.newaxis], executor="machine").output
    assert np.array_equal(recording.output, machine[0])


def test_digits_is_what_runs_where_it_fits():
    config = AcceleratorConfig()
    assert example(config).program.name == digits(config).program.name == "digits_int8"
    assert example(SMALL).program.name == "conformance"


def test_the_folder_has_what_its_page_names_and_the_whole_licence(exported, bus):
    made = exported(bus)
    page = (made.folder / "README.md").read_text()
    assert sorted(path.name for path in made.folder.iterdir()) == sorted(made.files)
    assert all(f"`{name}`" in page for name in made.files if name != "README.md")
    text = (made.folder / f"{made.facts.module}.v").read_text()
    comment = "".join(re.findall(r"^// ?(.*\n)", text, re.MULTILINE))
    assert LICENSE.read_text().strip() in comment
    assert LICENSE.read_text().strip() == licence.TEXT.strip()
    assert f"SPDX-License-Identifier: {licence.NAME}" in text


def test_the_page_and_the_verilog_have_the_same_ports(exported, bus):
    made = exported(bus)
    page = (made.folder / "README.md").read_text()
    text = (made.folder / f"{made.facts.module}.v").read_text()
    body = re.search(
        rf"^module {made.facts.module}\(.*?^endmodule", text, re.MULTILINE | re.DOTALL
    )[0]
    ports = re.findall(r"^  (in|out)put (?:\[(\d+):0\] )?(\w+);", body, re.MULTILINE)
    listed = re.findall(r"^\| `(\w+)` \| (in|out) \| (\d+) \|", page, re.MULTILINE)
    assert {(name, way, int(high or 0) + 1) for way, high, name in ports} == {
        (name, way, int(bits)) for name, way, bits in listed
    }


def test_the_verilog_has_one_top_and_no_name_that_is_escaped(exported, bus):
    made = exported(bus)
    text = (made.folder / f"{made.facts.module}.v").read_text()
    modules = re.findall(r"^module (\S+?)\(", text, re.MULTILINE)
    assert len(set(modules)) == len(modules)
    assert all(re.fullmatch(rf"{made.facts.module}\w*", name) for name in modules)
    assert modules[0] == made.facts.module


def test_large_memories_begin_as_zeros_in_one_line(exported):
    text = (exported().folder / "accel_core.v").read_text()
    loops = re.findall(r"initial for \(zeroed = 0; zeroed <= (\d+);", text)
    assert loops.count(str(SMALL.bank_words - 1)) == 2  # the banks
    assert not re.search(r"\[1023\] = ", text)


def test_core_json_says_what_was_exported(exported, bus):
    made = exported(bus)
    facts = json.loads((made.folder / "core.json").read_text())
    assert facts["configuration"] == SMALL.as_dict()
    assert facts["bus"] == bus
    assert facts["module"] == BUSES[bus].module
    assert facts["testbench"]["cycles"] == made.recording.counters["cycles"]


def test_a_board_s_core_tells_what_is_measured_and_what_is_estimated():
    board = boards.get("ice40_hx8k_b_evn")
    config = resources.configure(board)
    page = readme(facts_of(config, "axis", board), None)
    record = boards.recorded()[board.name]
    assert ("Measured after place and route" in page) == resources.is_of(record, board)
    assert "Estimated from recorded builds, not measured: " in page
    assert f"-period {1e3 / board.clock.made_mhz:.3f}" in page
    other = readme(facts_of(config.replace(rows=2), "axis", board), None)
    assert "Measured" not in other
    assert "Estimated" in other
    assert "Not known" in readme(facts_of(SMALL, "axis", None), None)


def test_amaranth_s_own_conversion_works_with_the_yosys_that_we_find(monkeypatch):
    """``amaranth.back.verilog`` takes it by ``YOSYS``, as a design of one's own would."""
    monkeypatch.setenv("YOSYS", find_tool("yosys").executable)
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "system")
    text = amaranth_verilog.convert(WishboneCore(Core(SMALL)), name="mine")
    assert re.search(r"^module mine\(", text, re.MULTILINE)
    assert "wb__ack" in text


def test_a_bus_that_is_none_and_a_yosys_that_fails_are_said(tmp_path, monkeypatch):
    with pytest.raises(UnknownBus, match="Bus must be one of axis, wishbone, axi4lite, not 'pci'"):
        export(SMALL, tmp_path / "core", bus="pci")
    assert not (tmp_path / "core").exists()
    failing = tmp_path / "yosys"
    failing.write_text("#!/bin/sh\n[ $1 = -V ] && echo 'Yosys 0.99' || { echo no disk; exit 1; }\n")
    failing.chmod(0o755)
    monkeypatch.setenv("YOSYS", os.fspath(failing))
    with pytest.raises(NotExported, match="failed on the core's RTL:\nno disk"):
        verilog(WishboneBridge(), "bridge")
