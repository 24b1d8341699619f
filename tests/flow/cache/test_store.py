"""What was made before is taken only where it is whole and made of the same."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from accel.flow.build import build
from accel.flow.cache.store import Cache, identity_of, key_of, make_room
from accel.flow.plan import BuildPlan
from accel.flow.tools import Tool, ToolFailed
from tests.support.fake_products import BIT_BEGIN, BIT_END, NETLIST, STATISTICS

REPORT = {
    "utilization": {},
    "fmax": {"clk": {"achieved": 50, "constraint": 12}},
    "critical_paths": [],
}


def plan(seeds=(1, 2), source="source", options=()):
    """A build for an ECP5, whose report is taken as it is."""
    return BuildPlan(
        name="top",
        clock_mhz=12.0,
        files={"top.il": source, "top.lpf": "pins"},
        synthesis=("yosys", "top.ys"),
        place_and_route=("nextpnr-ecp5", *options),
        pack=("ecppack", "top.config", "top.bit", "--svf", "top.svf"),
        seeds=tuple(seeds),
    )


@pytest.fixture
def tools(fake_tool, tmp_path):
    """Tools that are quick; gives a function that says what ran since it was last asked.

    Place and route does first what the file ``first`` says, for the tool itself must stay as it is.
    """
    record, first = tmp_path / "record", tmp_path / "first"
    first.write_text("")
    head = (
        f"import json, pathlib\nrecord = open({str(record)!r}, 'a')\n"
        "def write(name, text): pathlib.Path(name).write_text(text)\n"
    )
    fake_tool(
        "yosys",
        f"{head}print('yosys', file=record)\nwrite('stat.json', {STATISTICS!r})\n"
        f"netlist = {NETLIST!r}\nnetlist['creator'] = pathlib.Path('top.il').read_text()\n"
        "write('top.json', json.dumps(netlist))\nwrite('top.rpt', '')",
    )
    fake_tool(
        "nextpnr-ecp5",
        f"{head}seed = sys.argv[sys.argv.index('--seed') + 1]\n"
        f"exec(pathlib.Path({str(first)!r}).read_text())\nprint('seed', seed, file=record)\n"
        f"report = {REPORT!r}\nreport['fmax']['clk']['achieved'] += int(seed)\n"
        "write('nextpnr.json', json.dumps(report))\nwrite('top.tim', '')\n"
        "source = json.loads(pathlib.Path('top.json').read_text())['creator']\n"
        "write('top.config', seed + source)",
    )
    fake_tool(
        "ecppack",
        f"{head}print('pack', file=record)\nbits = pathlib.Path('top.config').read_bytes()\n"
        f"bits = {BIT_BEGIN!r} + bits + {BIT_END!r}\npathlib.Path('top.bit').write_bytes(bits)\n"
        "write('top.svf', 'SDR (' + bits.hex() + ');\\n')",
    )

    def ran():
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return sorted(lines)

    return ran


@pytest.fixture
def cache(tmp_path):
    return Cache(folder=tmp_path / "cache")


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_build_runs_no_tool_and_gives_the_same_files(tools, cache, tmp_path):
    first = build(plan(), tmp_path / "one", cache=cache)
    assert first.reused == ()
    assert tools() == ["pack", "seed 1", "seed 2", "yosys"]
    second = build(plan(), tmp_path / "two", cache=cache)
    assert second.reused == ("build",)
    assert tools() == []
    assert second.report == first.report
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert second.bitstream.read_bytes() == BIT_BEGIN + b"2source" + BIT_END


def test_more_seeds_run_only_those_that_are_new(tools, cache, tmp_path):
    build(plan(seeds=(1, 2)), tmp_path / "build", cache=cache)
    tools()
    result = build(plan(seeds=(1, 2, 3, 4)), tmp_path / "build", cache=cache)
    assert result.reused == ("synthesis", "seed 1", "seed 2")
    assert tools() == ["pack", "seed 3", "seed 4"]
    assert [seed["seed"] for seed in result.report["fmax_mhz"]["seeds"]] == [1, 2, 3, 4]
    assert result.report == build(plan(seeds=(1, 2, 3, 4)), tmp_path / "anew").report


@pytest.mark.parametrize(
    "change, ran",
    [
        ({"source": "other"}, ["pack", "seed 1", "seed 2", "yosys"]),
        ({"options": ("--router", "router2")}, ["pack", "seed 1", "seed 2"]),
    ],
)
def test_other_content_and_other_options_are_made_anew(change, ran, tools, cache, tmp_path):
    build(plan(), tmp_path / "build", cache=cache)
    tools()
    build(plan(**change), tmp_path / "build", cache=cache)
    assert tools() == ran


def test_another_version_of_a_tool_makes_anew(tools, cache, tmp_path, fake_tool):
    build(plan(), tmp_path / "build", cache=cache)
    tools()
    script = tmp_path / "tools" / "yosys"
    script.write_text(script.read_text().replace("yosys 9.9", "yosys 9.10"))
    build(plan(), tmp_path / "build", cache=cache)
    # The netlist comes out the same, so its seeds are those that were routed before.
    assert tools() == ["pack", "yosys"]


@pytest.mark.parametrize("version", ["native", "9.9"])
def test_a_tool_is_known_by_its_content(tmp_path, version):
    file = tmp_path / "icepack"
    file.write_text("one")
    tool = Tool(name="icepack", executable=str(file), version=version)
    before = identity_of(tool)
    os.utime(file, (0, 0))
    assert identity_of(tool) == before
    file.write_text("two")
    os.utime(file, (0, 0))
    assert identity_of(tool) != before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
)
def test_a_damaged_entry_is_made_anew(damage, tools, cache, tmp_path):
    build(plan(), tmp_path / "build", cache=cache)
    tools()
    for entry in cache.folder.iterdir():
        entry.write_bytes(damage(entry.read_bytes()))
    result = build(plan(), tmp_path / "build", cache=cache)
    assert result.reused == ()
    assert tools() == ["pack", "seed 1", "seed 2", "yosys"]
    assert build(plan(), tmp_path / "build", cache=cache).reused == ("build",)


def test_a_failed_seed_is_not_kept_and_those_that_ended_well_are(tools, cache, tmp_path):
    (tmp_path / "first").write_text("if seed == '2': sys.exit(1)")
    build(plan(), tmp_path / "build", cache=cache)
    tools()
    (tmp_path / "first").write_text("")
    build(plan(seeds=(2, 1)), tmp_path / "build", cache=cache)
    assert tools() == ["pack", "seed 2"]


def test_where_no_seed_succeeds_the_failure_is_told(tools, cache, tmp_path):
    (tmp_path / "first").write_text("sys.exit(1)")
    with pytest.raises(ToolFailed):
        build(plan(), tmp_path / "build", cache=cache)


def test_seeds_that_had_ended_outlive_an_interruption(tools, cache, tmp_path):
    (tmp_path / "first").write_text("if seed == '2': import time; time.sleep(600)")
    program = textwrap.dedent(f"""
        from pathlib import Path
        from accel.flow.build import build
        from accel.flow.cache.store import Cache
        from tests.flow.cache.test_store import plan
        cache = Cache(folder=Path({str(cache.folder)!r}))
        build(plan(), Path({str(tmp_path / "build")!r}), cache=cache)
    """)
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(cache.folder.glob("*.entry")) if cache.folder.exists() else []) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1].strip().endswith("KeyboardInterrupt")
    assert {path.suffix for path in cache.folder.iterdir()} == {".entry"}
    tools()
    (tmp_path / "first").write_text("")
    assert build(plan(), tmp_path / "build", cache=cache).reused == ("synthesis", "seed 1")
    assert tools() == ["pack", "seed 2"]


def test_room_is_made_by_removing_what_was_not_used_for_longest(tmp_path):
    cache = Cache(folder=tmp_path / "cache", limit=2500)
    source = tmp_path / "source"
    source.mkdir()
    noise = b"".join(bytes.fromhex(key_of(index)) for index in range(32))  # 1,024 bytes
    (source / "file").write_bytes(noise)
    for key in ("one", "two"):
        cache.keep(key, source, [source / "file"])
        time.sleep(0.01)
    assert cache.take("one", tmp_path)  # used later than the other
    time.sleep(0.01)
    cache.keep("three", source, [source / "file"])
    assert {path.stem for path in cache.folder.iterdir()} == {"one", "three"}
    make_room(cache.folder, 0)
    assert list(cache.folder.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_done_without(tools, tmp_path):
    (tmp_path / "file").write_text("")
    result = build(plan(), tmp_path / "build", cache=Cache(folder=tmp_path / "file" / "cache"))
    assert json.loads((tmp_path / "build" / "report.json").read_text()) == result.report
