"""Prints how far the onnx contract and ONNX Runtime's recorded answers agree, model by model.

python -m tests.onnx_agreement
"""

from rich.console import Console
from rich.table import Table

from accel.compiler.frontends import load
from accel.compiler.reference import run
from tests.onnx_models import RECORDED
from tests.shared import DATA


def main() -> None:
    table = Table("model", "outputs", "differ from ALL", "differ from NONE", "other classes")
    for name, model in RECORDED.items():
        graph = load(DATA / model.path)
        answer = run(graph, model.inputs)[graph.outputs[0]]
        golden = {level: model.golden(level) for level in ("ALL", "NONE")}
        differ = [f"{int(model.differing(answer, g).sum()):,}" for g in golden.values()]
        classes = int((answer.argmax(axis=1) != golden["ALL"].argmax(axis=1)).sum())
        table.add_row(name, f"{answer.size:,}", *differ, f"{classes} of {len(answer)}")
    Console().print(table)


if __name__ == "__main__":
    main()
