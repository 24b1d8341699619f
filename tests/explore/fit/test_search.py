"""What is found compiles and takes what is said; certificates can be worked out from the graph."""

import shlex
from pathlib import Path

import numpy as np
import pytest

import accel
from accel import boards
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends import load
from accel.compiler.operators.softmax import Softmax
from accel.estimate import estimate
from accel.explore.fit import search as module
from accel.explore.fit.demand import Demand
from accel.explore.fit.result import changes_of, options_of
from accel.explore.fit.search import Budget, Search, fit
from accel.explore.fit.shapes import COLUMNS, ROWS, shapes
from accel.sim.cycles.cycle_model import predict
from accel.target import resources
from tests.support.networks.small import Chain
from tests.support.networks.tflite.operators import per_tensor
from tests.support.shared import shared

ICEBREAKER = boards.get("icebreaker")
LARGE_KERNEL = Chain((1, 5, 5, 120)).convolution(3)  # 1080 weights of an output channel
WIDE = Chain((1, 1, 1, 8)).fully_connected(3000, rows=False)
MODELS = {
    "micro_speech": "models/tflm/micro_speech_quantized.tflite",
    "ic01_large": "models/mlperf_tiny/ic01_resnet_large_int8.tflite",
    "vww01": "models/mlperf_tiny/vww01_mobilenet_int8.tflite",
    "kws01": "models/mlperf_tiny/kws01_dscnn_int8.tflite",
}


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s_12f", "tinyfpga_bx"])
@pytest.mark.parametrize(
    "chain",
    [
        LARGE_KERNEL,
        Chain((1, 12, 12, 6)).convolution(8).convolution(depthwise=True).fully_connected(5),
    ],
    ids=["large_kernel", "small"],
)
def test_what_is_found_compiles_fits_the_board_and_takes_what_is_said(chain, board):
    graph, board = chain.graph(), boards.get(board)
    found = fit(graph, board)
    program = compile_graph(graph, found.config)
    assert sum(layer.cycles for layer in predict(program)) == found.best.cycles
    assert found.best.cycles / board.clock.made_mhz / 1e3 == found.best.milliseconds
    resources.check_fits(found.config, board)
    assert estimate(found.config, board).fits
    assert found.ranked[0].config == found.config
    assert repr(found).startswith(f"<Fit small: {board.name} with ")


def test_the_estimate_is_near_and_ranks_as_the_compiler_does():
    graph = Chain((1, 16, 16, 8)).convolution(16).convolution(depthwise=True).graph()
    ranked, _ = Search(
        demand=Demand(graph), board=ICEBREAKER, asked=resources.configure(ICEBREAKER)
    ).ranked()
    for candidate in ranked[::7]:
        made = compile_graph(graph, candidate.config)
        cycles = sum(layer.cycles for layer in predict(made))
        assert candidate.cycles == pytest.approx(cycles, rel=0.15)
        assert bool(made.memory.flash_bytes) == bool(candidate.flash_bytes)


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s_25f", "tinyfpga_bx"])
def test_the_command_line_makes_the_configuration(board):
    from accel.cli.options.groups import TargetOptions

    board = boards.get(board)
    own = resources.configure(board)
    for config in list(shapes(board, own))[::9]:
        config = config.replace(sum_bits=26, bank_words=512)
        words = shlex.split(" ".join(options_of(config, board)))
        given = {"--rows": None, "--cols": None, "--set": []}
        for name, value in zip(words[::2], words[1::2], strict=True):
            given[name] = [*given[name], value] if name == "--set" else int(value)
        target = TargetOptions(
            board=board.name, rows=given["--rows"], cols=given["--cols"], values=given["--set"]
        )
        assert target.find()[1] == config
        assert accel.configuration(board, **changes_of(config, board)) == config


def largest_bank(rows, board):
    """Bytes of one of two banks, worked out from the FPGA's memories: 16 or 8 bits wide."""
    if board.family == "ice40up":
        return board.resources["SPRAM"] // 2 // -(-8 * rows // 16) * 16384 * rows
    return board.resources["EBR"] * 512 // 2


@pytest.mark.parametrize("board", ["icebreaker", "tinyfpga_bx"])
def test_a_tensor_that_no_bank_holds_is_the_certificate(board):
    graph, board = Chain((1, 90, 90, 4)).convolution(20).graph(), boards.get(board)
    found = fit(graph, board)
    certificate = found.certificate
    assert (found.runs, found.command, found.code) == (False, None, None)
    assert (certificate.kind, certificate.node, certificate.unit) == ("bank", "n0", "bytes")
    rows = certificate.config.rows
    assert certificate.needed == 90 * 90 * -(-20 // rows) * rows
    assert certificate.there == certificate.config.bank_words * rows < certificate.needed
    resources.check_fits(certificate.config, board)
    for rows in ROWS:  # whatever the array, and though the rest of the core takes memory, too
        there, needed = largest_bank(rows, board), 90 * 90 * -(-20 // rows) * rows
        assert needed > there
        assert needed / max(1, there) >= certificate.needed / largest_bank(
            certificate.config.rows, board
        )
    assert f"{certificate.needed:,} bytes" in str(certificate)


def test_weights_that_no_buffer_holds_are_the_certificate():
    board = boards.get("tinyfpga_bx")
    chain = Chain((1, 20, 20, 24)).fully_connected(4)
    certificate = fit(chain.graph(), board).certificate
    assert (certificate.kind, certificate.node) == ("weight_buffer", "n0") or (
        certificate.kind == "bank"
    )
    assert certificate.needed > certificate.there
    # Two columns of 9600 weights are more than all of the FPGA's memory.
    assert board.resources["EBR"] * 512 < 2 * 9600


def test_sums_that_no_accumulator_holds_are_the_certificate(monkeypatch):
    monkeypatch.setattr("accel.explore.fit.sizes.MOST_SUM_BITS", 17)
    graph = Chain((1, 3, 3, 64)).convolution(4).graph()
    certificate = fit(graph, ICEBREAKER).certificate
    weights = graph.tensor(graph.nodes[0].inputs[1]).data.astype(np.int64).reshape(4, -1)
    most = (128 * np.abs(weights).sum(axis=1)).max()
    assert (certificate.kind, certificate.unit) == ("sum", "bits")
    assert 17 < certificate.needed <= int(most).bit_length() + 1


def test_budgets_are_for_what_was_compiled():
    graph = Chain((1, 12, 12, 6)).convolution(8).fully_connected(5).graph()
    best = fit(graph, ICEBREAKER).best
    within = Budget(milliseconds=best.milliseconds, microjoules=best.microjoules)
    assert fit(graph, ICEBREAKER, budget=within).best == best
    late = fit(graph, ICEBREAKER, budget=Budget(milliseconds=best.milliseconds / 2))
    assert not late.runs
    assert late.certificate.kind == "time"
    assert late.certificate.needed == pytest.approx(best.milliseconds)
    hot = fit(graph, ICEBREAKER, budget=Budget(microjoules=best.microjoules / 2))
    assert (hot.certificate.kind, hot.certificate.there) == ("energy", best.microjoules / 2)
    unknown = fit(graph, boards.get("ulx3s_12f"), budget=Budget(microjoules=1e9))
    assert "no power of its family is known" in str(unknown.certificate)


def test_where_the_best_does_not_compile_the_next_one_is_taken(monkeypatch):
    graph = Chain((1, 12, 12, 6)).convolution(8).graph()
    first = fit(graph, ICEBREAKER)

    def refuses_the_first(graph, config, **options):
        if config == first.config:
            return compile_graph(graph, config.replace(bank_words=256), **options)
        return compile_graph(graph, config, **options)

    monkeypatch.setattr(module, "compile_graph", refuses_the_first)
    second = fit(graph, ICEBREAKER)
    assert second.runs
    assert second.config != first.config


def test_what_no_size_mends_is_raised():
    chain = Chain((1, 8, 8, 4)).convolution()
    chain.add("softmax", Softmax(), (1, 8, 8, 4), q=per_tensor(1 / 256, -128))
    with pytest.raises(CannotCompile, match="only by the driver"):
        fit(chain.convolution().graph().replace(host=False), ICEBREAKER)


def test_shapes_hold_the_board_and_the_question():
    asked = resources.configure(ICEBREAKER, columns=3)
    found = list(shapes(ICEBREAKER, asked))
    assert asked in found
    assert all(config.element == asked.element for config in found)
    assert {config.flash_lanes for config in found} == {4}
    assert all(resources.dsps_of(config) <= 8 for config in found)
    sizes = {(config.rows, config.columns) for config in found}
    assert {(rows, columns) for rows in ROWS for columns in COLUMNS if rows * columns <= 8} <= sizes


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("micro_speech", "icebreaker"),
        ("micro_speech", "ulx3s_25f"),
        ("micro_speech", "ulx3s_85f"),
        ("kws01", "icebreaker"),
        ("vww01", "ulx3s_25f"),
        ("ic01_large", "icebreaker"),
    ],
)
def test_networks_of_others_run(name, board):
    graph, board = load(shared(MODELS[name])), boards.get(board)
    found = fit(graph, board, source="model.tflite")
    assert found.runs, found.certificate
    assert found.ranked[0].cycles == pytest.approx(found.best.cycles, rel=0.5)
    resources.check_fits(found.config, board)
    assert found.command.startswith(f"accel compile model.tflite --board {board.name}")


def test_a_configuration_of_ones_own_keeps_format_and_element():
    graph = load(Path(__file__).resolve().parents[3] / "examples/digits/digits_int4.tflite")
    config = accel.configuration("icebreaker", format="int8_int4")
    found = accel.fit(graph, board="icebreaker", config=config)
    assert found.config.format == "int8_int4"
    assert "format='int8_int4'" in found.command
