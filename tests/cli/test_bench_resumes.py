"""``accel bench`` that is stopped goes on where it was: seeds that had ended are not run again."""

import json

import pytest

from tests.support import fake_products

pytest.importorskip("accel.flow.cache.store", reason="builds are not kept here")

BOARD = "ulx3s_12f"
TABLES = 4000
REPORT = {
    "utilization": {"TRELLIS_COMB": {"used": TABLES, "available": 24288}},
    "fmax": {"clk": {"achieved": 100, "constraint": 12}},
    "critical_paths": [],
}
HEAD = """
import json, os, pathlib, signal, time
record = open({record!r}, "a")
def write(name, text): pathlib.Path(name).write_text(text)
"""
YOSYS = f"""
print("yosys", file=record)
write("top.json", {json.dumps(fake_products.NETLIST)!r})
write("stat.json", {fake_products.STATISTICS!r})
write("top.rpt", {fake_products.YOSYS_LOG!r})
"""
# The second seed is slow: it stops the bench as a user would, once the first has been kept.
NEXTPNR = """
seed = int(sys.argv[sys.argv.index("--seed") + 1])
print("seed", seed, file=record, flush=True)
if seed == 2 and pathlib.Path({slow!r}).exists():
    while len(list(pathlib.Path({cache!r}).glob("*.entry"))) < 2: time.sleep(0.01)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(600)
report = {report!r}
report["fmax"]["clk"]["achieved"] += seed
write("nextpnr.json", json.dumps(report))
write("top.tim", {log!r})
write("top.config", {config!r})
"""
BITS = fake_products.BIT_BEGIN + fake_products.BIT_END
ECPPACK = f"""
pathlib.Path("top.bit").write_bytes({BITS!r})
write("top.svf", {fake_products.svf(BITS)!r})
"""


@pytest.fixture
def tools(fake_tool, tmp_path, monkeypatch):
    """Puts quick tools in place; gives a function that says what ran since it was last asked."""
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path / "cache"))
    record, slowly = tmp_path / "record", tmp_path / "slowly"
    head = HEAD.format(record=str(record))
    fake_tool("yosys", head + YOSYS)
    given = {
        "slow": str(slowly),
        "cache": str(tmp_path / "cache" / "builds"),
        "report": REPORT,
        "log": fake_products.NEXTPNR_LOG,
        "config": fake_products.config(TABLES),
    }
    fake_tool("nextpnr-ecp5", head + NEXTPNR.format(**given))
    fake_tool("ecppack", head + ECPPACK)

    def put(slow: bool):
        # The tools stay as they are: others of the same version would be other tools.
        slowly.touch() if slow else slowly.unlink()

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
