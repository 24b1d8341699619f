"""``accel bench`` that is stopped goes on where it was: seeds that had ended are not run again."""

import json

import pytest

pytest.importorskip("accel.flow.cache", reason="builds are not kept here")

BOARD = "ulx3s_12f"
REPORT = {
    "utilization": {"TRELLIS_COMB": {"used": 4000, "available": 24288}},
    "fmax": {"clk": {"achieved": 100, "constraint": 12}},
    "critical_paths": [],
}
HEAD = """
import json, os, pathlib, signal, time
record = open({record!r}, "a")
def write(name, text): pathlib.Path(name).write_text(text)
"""
YOSYS = """
print("yosys", file=record)
write("top.json", "{}")
write("top.rpt", "")
"""
# The second seed is slow: it stops the bench as a user would, once the first has been kept.
NEXTPNR = """
seed = int(sys.argv[sys.argv.index("--seed") + 1])
print("seed", seed, file=record, flush=True)
if seed == 2 and {slow}:
    while len(list(pathlib.Path({cache!r}).glob("*.entry"))) < 2: time.sleep(0.01)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(600)
report = {report!r}
report["fmax"]["clk"]["achieved"] += seed
write("nextpnr.json", json.dumps(report))
write("top.tim", "")
write("top.config", str(seed))
"""
ECPPACK = """
write("top.bit", "")
"""


@pytest.fixture
def tools(fake_tool, tmp_path, monkeypatch):
    """Puts quick tools in place; gives a function that says what ran since it was last asked."""
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path / "cache"))
    record = tmp_path / "record"

    def put(slow: bool):
        head = HEAD.format(record=str(record))
        fake_tool("yosys", head + YOSYS)
        cache = str(tmp_path / "cache" / "builds")
        fake_tool("nextpnr-ecp5", head + NEXTPNR.format(slow=slow, cache=cache, report=REPORT))
        fake_tool("ecppack", head + ECPPACK)

        def ran():
            lines = record.read_text().splitlines()
            record.unlink()
            return sorted(lines)

        return ran

    return put


def test_what_had_ended_is_not_built_again(accel, tools, tmp_path):
    command = ("bench", "--board", BOARD, "--seeds", "3", "--no-rtl")
    ran = tools(slow=True)
    code, _, errors = accel(*command)
    assert code == 130, errors
    assert {"yosys", "seed 1", "seed 2"} <= set(ran())
    ran = tools(slow=False)
    code, _, errors = accel(*command, "--json", tmp_path / "bench.json")
    assert code == 0, errors
    again = ran()
    assert "seed 2" in again
    assert not {"yosys", "seed 1"} & set(again)
    figures = json.loads((tmp_path / "bench.json").read_text())["boards"][0]["figures"]
    assert (figures["fmax"]["value"], figures["fmax"]["samples"]) == (102, 3)
    assert figures["build"]["value"] is None
    assert "seed 1 from the cache" in figures["build"]["how"]
