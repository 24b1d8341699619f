"""A tool that ends without an error has done its work only if what it made is whole."""

import json
from random import Random

import pytest

from accel.flow.products import bitstreams, products
from accel.flow.products.failure import Cause, Failure
from accel.flow.tools import ToolFailed
from tests.campaigns.damaging.replay import contents

STEPS = {
    "synthesis": ("top.json", "stat.json", "top.rpt"),
    "place and route": ("top.asc", "nextpnr.json", "delays.sdf", "routed.json", "top.tim"),
    "packing": ("top.bin",),
}
PRODUCTS = [(step, name) for step, names in STEPS.items() for name in names]


def spoiled(data, draw):
    """Empty, missing, and cut off at blocks and elsewhere; of bits without the names after them."""
    end = data.find(b"\n.sym ") + 1 or len(data) - 2
    yield None
    yield b""
    for _ in range(2):
        yield data[: draw.randrange(end)]
    yield data[: end // 4096 // 2 * 4096]


@pytest.mark.parametrize("step, product", PRODUCTS)
def test_what_is_not_whole_is_neither_used_nor_kept(
    step, product, recorded_build, tmp_path, monkeypatch
):
    made = recorded_build.made
    commands = [command for command, files in made.items() if product in files]
    whole = made[commands[0]][product]
    for number, data in enumerate(spoiled(whole, Random(product))):
        place = tmp_path / str(number)
        for command in commands:
            files = {**made[command], product: data}
            files = {name: content for name, content in files.items() if content is not None}
            monkeypatch.setitem(made, command, files)
        with pytest.raises(ToolFailed) as told:
            recorded_build.build(place / "build", place / "cache")
        assert told.value.step == step
        assert told.value.lines[0].startswith(f"{product} is not whole: ")
        assert "too large" not in str(told.value)
        assert not told.value.lasting
        assert not (place / "build").exists()
        monkeypatch.undo()
        recorded_build.build(place / "build", place / "cache")
        assert contents(place / "build") == recorded_build.expected
        assert recorded_build.ran[0].endswith(commands[0][0])


def test_a_netlist_without_cells_is_none(tmp_path):
    path = tmp_path / "top.json"
    for content in ("{}", '{"modules": {}}', "[]", "null", '{"modules": {"top": 1}}', "{" * 9999):
        path.write_text(content)
        with pytest.raises(products.NotWhole, match=r"^top.json is not whole: "):
            products.check_netlist(path)


def test_every_bit_of_a_bitstream_is_looked_at(recorded_build):
    (data,) = (files["top.bin"] for files in recorded_build.made.values() if "top.bin" in files)
    bitstreams.check_bin(data)
    draw = Random(1)
    for _ in range(200):
        spoiled = bytearray(data)
        spoiled[draw.randrange(40, len(data) - 6)] ^= 1 << draw.randrange(8)
        with pytest.raises(bitstreams.BadBitstream):
            bitstreams.check_bin(spoiled)


@pytest.mark.parametrize(
    "printed, code, cause, lasting, says",
    [
        ("ERROR: Unable to place cell 'a', no BELs remaining", 1, Cause.DESIGN, True, "too large"),
        ("ERROR: Max iterations reached, routing failed", 1, Cause.DESIGN, True, "too large"),
        ("ERROR: Failed to open JSON file 'top.json'", 1, Cause.DESIGN, True, "fault of the tool"),
        ("", 1, Cause.DESIGN, True, "too large"),
        ("OSError: [Errno 28] No space left on device", 1, Cause.DISK, False, "disk is full"),
        ("", -9, Cause.STOPPED, False, "stopped from outside"),
        ("", 137, Cause.STOPPED, False, "stopped from outside"),
        ("", -11, Cause.TOOL, True, "fault of the tool"),
        ("Traceback:\nwasm trap: out of bounds in place_ctx", 1, Cause.TOOL, True, "of the tool"),
    ],
)
def test_a_tool_that_fails_is_told_from_a_design_that_is_too_large(
    printed, code, cause, lasting, says, tmp_path
):
    log = tmp_path / "log"
    log.write_text(printed)
    failure = Failure.of(log, code, iterations=None, broken=None, full=False)
    remedy = failure.remedy("the design may be too large", of_size=True, output=tmp_path)
    assert (failure.cause, failure.lasting) == (cause, lasting)
    assert says in remedy


def test_an_estimate_that_was_not_there_is_added_later(recorded_build, tmp_path, fake_tool):
    cache = tmp_path / "cache"

    def build(name):
        return recorded_build.build(tmp_path / name, cache)

    without = build("without")
    fake_tool("icetime", "sys.exit(1)")
    assert "icetime_mhz" not in build("failing").report
    fake_tool("icetime", "print('// Total path delay: 20.00 ns (50.00 MHz)')")
    found = build("with")
    assert found.report == {**without.report, "icetime_mhz": 50.0}
    assert found.reused == ("synthesis", "seed 1", "seed 2")
    assert build("again").reused == ("build",)
    assert json.loads((tmp_path / "again" / "report.json").read_text())["icetime_mhz"] == 50.0
