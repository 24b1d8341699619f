"""What ``accel quantize`` does, step by step: read, quantize, try the boards, measure."""

from collections import Counter
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel.cli._output import progress
from accel.cli.tables.matrix import Answer, answer_of, compiled, remedies, with_remedies

if TYPE_CHECKING:
    import numpy as np

    from accel.api import Program
    from accel.boards import Board
    from accel.compiler.diagnostics import Reason
    from accel.compiler.ir.graph import Graph
    from accel.config import AcceleratorConfig
    from accel.quantization.quantizer import Quantized, Settings

CHUNK = 32  # samples between two steps of the progress bar
TOOLS = ("onnxruntime", "onnx", "numpy")
WEIGHTS = {"int8": "s8", "int4": "s4", "ternary": "ternary"}
NAMES = {
    "float32": "float32, onnxruntime",
    "int8_onnxruntime": "int8, onnxruntime",
    "int8_accel": "int8, accel",
}


def work(
    path: Path,
    output: Path,
    calibration: Path,
    test: Path | None,
    labels: Path | None,
    settings: "Settings",
    asked: "Sequence[Board]",
) -> "tuple[Quantized, dict[str, Any], list[Answer]]":
    """Quantize and measure. Gives the network, the report, and what each board says of it."""
    from accel.quantization import measure, preparation
    from accel.quantization.exact import settled
    from accel.quantization.fit import fitted
    from accel.quantization.low_bit import rewritten, rounded
    from accel.quantization.model import read_model
    from accel.quantization.quantizer import quantize as quantize_model
    from accel.quantization.runtime import Session, runtime
    from accel.quantization.samples import read_samples
    from accel.quantization.saturation import may_saturate

    runtime()
    model = read_model(path)
    typical = read_samples(calibration, model.shape, None if test else labels)
    samples = read_samples(test, model.shape, labels) if test else typical
    fixed = preparation.fixed(model)
    float_session = Session(fixed, model.name)
    samples.check_classes(preparation.check_answer(float_session, model, samples.x))
    prepared = preparation.folded(fixed, model.name)

    count, narrow = len(typical.x), prepared
    layers: list[Any] = []
    if settings.weights != "int8":
        narrow, layers = rounded(prepared, settings.weights, settings.per_tensor)
        with progress("fitting narrow weights", len(layers)) as advance:
            layers = fitted(prepared, narrow, layers, typical.x, model.name, advance)
    with progress(f"calibrating with {count} samples", count) as advance:
        made = quantize_model(narrow, model.name, typical.x, settings, advance)
    if layers:
        made = rewritten(made, layers, narrow, model.name)
    with progress("fitting scales", 1) as advance:
        made = settled(made, model.name)
        advance(1)
    with progress("checking boards", len(asked)) as advance:
        program, boards = _on_boards(made.graph, str(output), asked, advance)
    answers = {}
    for who, session in (
        (measure.FLOAT, float_session),
        (measure.RUNTIME, Session(made.data, f"{model.name}, quantized")),
    ):
        with progress(f"{NAMES[who]}: {len(samples.x)} samples", len(samples.x)) as advance:
            answers[who] = session.run(samples.x, advance)
    answers[measure.OURS] = _our_answers(made.graph, program, samples.x)
    softmax = any(node.operator == "softmax" for node in made.graph)
    scope = "tensor" if settings.per_tensor else "channel"
    report = {
        "form": made.form,
        "method": settings.method,
        "activations": settings.activations,
        "weights": f"{WEIGHTS[settings.weights]} per {scope}",
        "scales_moved": made.moved,
        "contract": made.graph.contract,
        "calibration": {"file": typical.name, "samples": count},
        "test": {
            "file": samples.name,
            "executor": "machine" if program else "reference",
            **measure.measure(answers, samples.y, softmax).as_dict(),
            "onnxruntime_may_saturate": may_saturate(made.data),
        },
        "bytes": {"float32": model.bytes, "int8": len(made.data)},
        "operators": dict(Counter(node.operator for node in made.graph)),
        "boards": list(map(_board_json, boards)),
        "tools": [{"name": name, "version": metadata.version(name)} for name in TOOLS],
    }
    return made, report, boards


def _our_answers(graph: "Graph", program: "Program | None", x: "np.ndarray") -> "np.ndarray":
    """The first output as the machine gives it, as the reference does where nothing fits."""
    import numpy as np

    from accel.compiler.graph import interpreter

    def run(part: np.ndarray) -> np.ndarray:
        if program is None:
            return interpreter.run(graph, part)[graph.outputs[0]]
        return program.run(part, "machine").output

    answers = []
    with progress(f"int8, accel: {len(x)} samples", len(x)) as advance:
        for start in range(0, len(x), CHUNK):
            answers.append(run(x[start : start + CHUNK]))
            advance(start + len(answers[-1]))
    if program is not None:
        program.close()
    return np.concatenate(answers)


def _on_boards(
    graph: "Graph", name: str, asked: "Sequence[Board]", advance: Callable[[float], None]
) -> "tuple[Program | None, list[Answer]]":
    """A program that runs on one of the boards, if there is one, and the answer of each of them."""
    from accel.compiler.frontends import NOTHING_CHOSEN
    from accel.target import resources

    known: dict[AcceleratorConfig, tuple[Program | None, tuple[Reason, ...]]] = {}
    program, told = None, []
    for done, board in enumerate(asked, 1):
        config = resources.configure(board)
        if config not in known:
            known[config] = compiled(graph, config)
        answer = answer_of(name, graph, board, config, known[config])
        if answer.runs and program is None:
            program = known[config][0]
        told.append(answer)
        advance(done)
    if len(asked) > 1 and any(answer.of_size for answer in told):
        told = with_remedies(told, asked, remedies(graph, name, None, NOTHING_CHOSEN))
    return program, told


def _board_json(answer: Answer) -> dict[str, Any]:
    return {
        "board": answer.board,
        "runs": answer.runs,
        "reasons": list(answer.reasons),
        **({"remedy": list(answer.remedy)} if answer.remedy else {}),
        "cycles": answer.cycles,
        "milliseconds": answer.milliseconds,
    }
