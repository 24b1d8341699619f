"""What ``accel quantize`` does, step by step: read, quantize, try the boards, measure."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from accel.cli._output import progress

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
    calibration: Path,
    test: Path | None,
    labels: Path | None,
    settings: Any,
    asked: Sequence[Any],
) -> tuple[Any, dict[str, Any], list[Any]]:
    """Quantize and measure. Gives the network, the report, and a program or None for each board."""
    from accel.quantization import measure, preparation
    from accel.quantization.exact import settled
    from accel.quantization.fit import fitted
    from accel.quantization.low_bit import rewritten, rounded
    from accel.quantization.model import read_model
    from accel.quantization.quantizer import quantize as quantize_model
    from accel.quantization.runtime import Session, runtime
    from accel.quantization.samples import read_samples

    runtime()
    model = read_model(path)
    typical = read_samples(calibration, model.shape, None if test else labels)
    samples = read_samples(test, model.shape, labels) if test else typical
    fixed = preparation.fixed(model)
    float_session = Session(fixed, model.name)
    samples.check_classes(preparation.check_answer(float_session, model, samples.x))
    prepared = preparation.folded(fixed, model.name)

    count, narrow, layers = len(typical.x), prepared, []
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
        programs, boards = _on_boards(made.graph, asked, advance)
    answers = {}
    for who, session in (
        (measure.FLOAT, float_session),
        (measure.RUNTIME, Session(made.data, f"{model.name}, quantized")),
    ):
        with progress(f"{NAMES[who]}: {len(samples.x)} samples", len(samples.x)) as advance:
            answers[who] = session.run(samples.x, advance)
    program = next(filter(None, programs), None)
    answers[measure.OURS] = _our_answers(made.graph, program, samples.x)
    softmax = any(node.operator == "softmax" for node in made.graph)
    report = {
        "form": made.form,
        "method": settings.method,
        "activations": settings.activations,
        "weights": f"{WEIGHTS[settings.weights]} per {'tensor' if settings.per_tensor else 'channel'}",
        "scales_moved": made.moved,
        "contract": made.graph.contract,
        "calibration": {"file": typical.name, "samples": count},
        "test": {
            "file": samples.name,
            "executor": "machine" if program else "reference",
            **measure.measure(answers, samples.y, softmax).as_dict(),
        },
        "bytes": {"float32": model.bytes, "int8": len(made.data)},
        "operators": dict(Counter(node.operator for node in made.graph)),
        "boards": boards,
        "tools": [{"name": name, "version": metadata.version(name)} for name in TOOLS],
    }
    return made, report, programs


def _our_answers(graph: Any, program: Any, x: Any) -> Any:
    """The first output as the machine gives it, as the reference does where nothing fits."""
    import numpy as np

    from accel.compiler.graph import interpreter

    def run(part: Any) -> Any:
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


def _on_boards(graph: Any, asked: Sequence[Any], advance: Any) -> tuple[list, list]:
    """Each board's program, or None, and what to say of it."""
    import accel
    from accel.errors import UserError
    from accel.target import resources

    programs, told = [], []
    for done, board in enumerate(asked, 1):
        program, reasons = None, []
        with contextlib.ExitStack() as stack:
            stack.callback(advance, done)
            try:
                program = accel.compile(graph, board=board.name)
                reasons = resources.problems(program.config, board)
            except UserError as problem:
                reasons = str(problem).splitlines()
        cycles = None if program is None else program.report().cycles
        programs.append(None if reasons else program)
        told.append(
            {
                "board": board.name,
                "runs": not reasons,
                "reasons": reasons,
                "cycles": cycles,
                "milliseconds": cycles and round(cycles / board.clock.made_mhz / 1e3, 4),
            }
        )
    return programs, told
