"""``accel export verilog``"""

import json


def test_a_core_of_ones_own_sizes_and_family_is_written_and_said(accel, tmp_path):
    folder, facts = tmp_path / "core", tmp_path / "facts.json"
    words = ("--rows", 2, "--cols", 2, "--set", "family=ice40hx", "--set", "bank_words=256")
    kind = ("--pe", "booth", "--set", "weight_steps=64", "--bus", "axi4lite", "--no-testbench")
    code, said, errors = accel("export", "verilog", *words, *kind, "-o", folder, "--json", facts)
    assert code == 0, errors
    assert "accel_core_axi4lite: 2x2 int8, ice40hx" in said
    written = json.loads(facts.read_text())
    assert written["configuration"]["family"] == "ice40hx"
    assert written["testbench"] is None
    assert written["files"] == [str(folder / name) for name in _NAMES]
    assert sorted(path.name for path in folder.iterdir()) == sorted(_NAMES)
    assert "SB_LUT4" in (folder / _NAMES[0]).read_text()


_NAMES = ("accel_core_axi4lite.v", "core.json", "README.md")


def test_what_cannot_be_exported_is_said_before_any_work(refused, tmp_path):
    def words(*more):
        return ("export", "verilog", "-o", tmp_path / "core", *more)

    assert refused(*words("--bus", "pci")) == (
        "--bus must be one of axis, wishbone, axi4lite, not 'pci'"
    )
    assert "not 'flux'" in refused(*words("--set", "family=flux"))
    assert "flux" in refused(*words("--board", "flux"))
    assert "the 32x32 core needs" in refused(
        *words("--board", "icebreaker", "--rows", 32, "--cols", 32)
    )
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refused("export", "verilog", "-o", tmp_path / "file" / "core")
    assert not (tmp_path / "core").exists()
