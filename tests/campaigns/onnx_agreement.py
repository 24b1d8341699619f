"""Prints how far cores, the onnx contract and ONNX Runtime's recorded answers agree, on all
samples.

Labelled data also give the accuracy of our answers and of the runtime's: the share of right
classes, or the area under the curve of ad01's anomaly scores.

python -m tests.campaigns.onnx_agreement
"""

import numpy as np
from rich.console import Console
from rich.table import Table

import accel
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from accel.errors import UserError
from tests.support.networks.third_party_onnx import RECORDED
from tests.support.oracles.accuracy import accuracy
from tests.support.shared import DATA

LARGE = AcceleratorConfig(bank_words=1 << 17)
BOARDS = ("icebreaker", "ulx3s_85f")
RTL_SAMPLES = 3
COLUMNS = ("model", "outputs", "ALL", "NONE", "other classes", "accuracy", "the runtime's")
CORE_COLUMNS = ("model", "core", "cycles", "machine", "RTL", "RTL's cycles", "not exact")


def main() -> None:
    runtime = Table(*COLUMNS, title="Reference: outputs that differ from the runtime's")
    cores = Table(*CORE_COLUMNS, title="Cores: outputs that differ from the reference's")
    for name, model in RECORDED.items():
        path, inputs = DATA / model.path, model.inputs
        took = False
        for board in (*BOARDS, None):
            if took and not board:
                break
            try:
                program = accel.compile(path, board=board, config=None if board else LARGE)
            except UserError:
                continue
            took = True
            cores.add_row(name, board or "larger", *_core(program, inputs))
            program.close()
        answer = run(program.code.graph, inputs)[program.code.graph.outputs[0]]
        golden = {level: model.golden(level) for level in ("ALL", "NONE")}
        differ = [f"{int((answer != g).sum()):,}" for g in golden.values()]
        classes = int((answer.argmax(axis=1) != golden["ALL"].argmax(axis=1)).sum())
        ours, theirs = (
            f"{accuracy(model.stimulus, model.inputs, y):.4f}" for y in (answer, golden["ALL"])
        )
        others = f"{classes} of {len(answer)}"
        runtime.add_row(name, f"{answer.size:,}", *differ, others, ours, theirs)
    for table in (runtime, cores):
        Console(width=110).print(table)


def _core(program: accel.Program, inputs: np.ndarray) -> list[str]:
    """Cycles, differing outputs of the machine and of RTL, cycles by which layers differ, and
    channels."""
    graph = program.code.graph
    expected = run(graph, inputs)[graph.outputs[0]]
    machine = program.run(inputs, "machine").output
    rtl = program.run(inputs[:RTL_SAMPLES], "rtl")
    cycles = [abs(layer.cycles - layer.cycles_model) for layer in rtl.report.layers]
    return [
        f"{rtl.report.cycles:,}",
        f"{int((machine != expected).sum())} of {expected.size:,}",
        f"{int((rtl.output != expected[:RTL_SAMPLES]).sum())} of {rtl.output.size:,}",
        str(sum(cycles)),
        str(len(program.report().inexact)),
    ]


if __name__ == "__main__":
    main()
