"""The README shows what is: its tables, its output, its commands and its code.

``--update-golden`` writes the tables and the output anew.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from accel import boards
from accel.cli import app
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends import FRONTENDS
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators import OPERATORS
from accel.compiler.pipeline import compile_graph
from accel.config import AcceleratorConfig
from accel.core.pe import serving
from accel.estimate.model import LOGIC
from accel.numeric.formats import FORMATS
from accel.target import resources
from tests.support import readme_bench
from tests.support.held_out import held_out

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def markdown(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heading = list(heading)
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def on_core(name: str) -> bool:
    """Whether the core computes an operator; of two activations, not only of one and a constant."""
    operator = OPERATORS[name]
    if operator.binary is None:
        return bool(operator.lower or operator.unary)
    quantization = Quantization(scale=(0.5,), zero_point=(0,))
    tensors = [
        Tensor(name=tensor, shape=(1, 2, 2, 4), dtype="int8", quantization=quantization)
        for tensor in ("a", "b", "c")
    ]
    node = Node(
        name=name,
        operator=name,
        inputs=("a", "b"),
        outputs=("c",),
        attributes=operator.attributes(),
    )
    by_name = {tensor.name: tensor for tensor in tensors}
    graph = Graph(name=name, tensors=by_name, nodes=(node,), inputs=("a", "b"), outputs=("c",))
    try:
        compile_graph(graph, AcceleratorConfig())
    except CannotCompile:
        return False
    return True


def where(name: str) -> str:
    operator = OPERATORS[name]
    places = ["core"] if on_core(name) else []
    places = ["core, at no cost where words stay as they are"] if operator.alias else places
    places += ["driver, at the network's ends"] if operator.host else []
    return " or ".join(places) or "reference executor alone"


def operators() -> str:
    rows = []
    for name in OPERATORS:
        spellings = [
            ", ".join(
                f"`{spelled}`" for spelled, ours in frontend.operators.items() if ours == name
            )
            for frontend in FRONTENDS.values()
        ]
        rows.append([f"`{name}`", *spellings, where(name)])
    return markdown(["operator", *(f.name for f in FRONTENDS.values()), "runs on"], rows)


def board_table() -> str:
    rows = []
    for name, board in boards.BOARDS.items():
        config = resources.configure(board)
        core = f"{config.rows}x{config.columns} {config.format}"
        core += ", logic" if not resources.needs(config)["DSP"] else ""
        clock = f"{board.clock.made_mhz:g} MHz"
        memory = f"{2 * config.bank_words * config.rows // 1024} KiB"
        rows.append([f"`{name}`", board.title, board.device, core, memory, clock])
    return markdown(["board", "what it is", "FPGA", "default core", "memory", "clock"], rows)


def result_table() -> str:
    """What is in boards/results.json, which examples/boards/place_and_route.py writes."""
    results = json.loads((ROOT / "boards/results.json").read_text())
    rows = []
    for name, made in results.items():
        there = boards.get(name).resources
        shares = [
            f"{made['used'].get(what, 0):,} of {there[what]:,}" if what in there else ""
            for what in ("DSP", "EBR", "SPRAM")
        ]
        logic = "LC" if "LC" in there else "LUT"
        fmax = made["fmax_mhz"]
        spread = f"{fmax['median']:.1f}"
        if len(fmax["seeds"]) > 1:
            spread += f" ({fmax['min']:.1f} to {fmax['max']:.1f})"
        row = [f"`{name}`", f"{made['used'][logic]:,} of {there[logic]:,} {logic}", *shares]
        rows.append([*row, f"{made['clock_mhz']:g}", spread, str(len(fmax["seeds"]))])
    heading = [
        "board",
        "logic",
        "DSP",
        "EBR",
        "SPRAM",
        "clock, MHz",
        "signed-off Fmax, MHz",
        "seeds",
    ]
    return markdown(heading, rows)


def formats() -> str:
    rows = [
        [
            f"`{name}`",
            f"{form.activation_bits} bits",
            f"{form.weight_bits} bits",
            f"{form.weight_range[0]} to {form.weight_range[1]}",
            f"{form.product_bits} bits",
            f"{form.sub_byte.packing_factor} of {form.sub_byte.bits} bit{'s' * (form.sub_byte.bits > 1)}"
            if form.sub_byte
            else "",
            ", ".join(f"`{element}`" for element in serving(AcceleratorConfig(format=name))),
        ]
        for name, form in FORMATS.items()
    ]
    heading = [
        "number format",
        "activations",
        "weights",
        "range",
        "product",
        "or in a byte",
        "processing elements",
    ]
    return markdown(heading, rows)


def estimate_table() -> str:
    """Estimates of the builds in accel/estimate/builds.json that they are not fitted to."""
    rows = []
    for one in held_out():
        config, logic, fmax = one.record.config, one.logic, one.fmax_mhz
        size = f"{config.rows}x{config.columns} {config.format}, `{config.element}`"
        figures = [
            f"{logic.estimated:,}",
            f"{logic.built:,} {LOGIC[config.family]}",
            f"{100 * logic.error:+.1f} %",
            f"{fmax.estimated:.1f}",
            f"{fmax.built:.1f}",
            f"{100 * fmax.error:+.1f} %",
        ]
        rows.append([f"`{one.record.name}`", one.record.device, size, *figures])
    heading = ["build", "FPGA", "core", "estimated", "built", "error"]
    return markdown([*heading, "Fmax estimated, MHz", "built", "error"], rows)


def bench_table() -> str:
    """What is in boards/bench.json: networks on boards, and what measured them."""
    return f"{markdown(*readme_bench.results())}\n\n{readme_bench.computer()}"


TABLES: dict[str, Callable[[], str]] = {
    "operators": operators,
    "boards": board_table,
    "results": result_table,
    "estimates": estimate_table,
    "formats": formats,
    "bench": bench_table,
    "speeds": lambda: markdown(*readme_bench.speeds()),
}


def with_tables(text: str) -> str:
    def table(match: re.Match) -> str:
        return f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}"

    return re.sub(
        r"(<!-- (\w+): made by [^>]*-->)\n.*?(<!-- end -->)", table, text, flags=re.DOTALL
    )


def with_output(text: str) -> str:
    def block(match: re.Match) -> str:
        command = shlex.split(match[1])
        assert command[0] == "accel"
        result = CliRunner().invoke(app, command[1:], prog_name="accel")
        assert result.exit_code == 0, result.output
        printed = "\n".join(line.rstrip() for line in result.stdout.rstrip().splitlines())
        return f"```console\n$ {match[1]}\n{printed}\n```"

    return re.sub(r"```console\n\$ ([^\n]+)\n.*?```", block, text, flags=re.DOTALL)


@pytest.mark.parametrize("renewed", [with_tables, with_output], ids=lambda f: f.__name__)
def test_what_is_made_is_as_it_would_be_made_now(renewed, request, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    text = README.read_text()
    assert set(re.findall(r"<!-- (\w+): made", text)) == set(TABLES)
    if request.config.getoption("--update-golden"):
        README.write_text(renewed(text))
    assert README.read_text() == renewed(text), "write it anew with --update-golden"


def test_the_code_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 -- it is our own README
    assert "cycles an inference" in capsys.readouterr().out


def test_both_commands_are_a_line_that_makes_its_own_environment():
    commands = re.findall(r"^    (python3 -m venv .*)$", README.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -e ")
        assert " && .venv/bin/" in command


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / target).exists(), target


def test_options_and_commands_that_are_named_exist():
    known = {command.callback.__name__ for command in app.registered_commands}
    known |= {group.typer_instance.info.name for group in app.registered_groups}
    named = set(re.findall(r"`accel (\w+)", README.read_text())) - {"COMMAND"}
    assert named <= known
