"""What a test of a network asserts: its cycles, its accuracy, its recorded answers.

Each takes what ``accel.compile``, ``accel.open`` and ``run`` give, and shows the layers where it
fails.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from accel.sim.compare import assert_same
from accel.text import escaped

if TYPE_CHECKING:
    from accel.api import Executable, Report, Result

LISTED = 8  # wrong samples that a message names
LAYER, OUTPUT = "layer ", "output "  # what names in a golden file begin with


def assert_cycles(tested: Executable | Result, *, most: int) -> None:
    """Assert that one inference takes at most ``most`` cycles.

    Of a program the cycle model says so; of the result of a run, the core's counters where a core
    ran. Raises ``AssertionError`` with the cycles of each layer.
    """
    __tracebackhide__ = True
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ValueError(f"most must be a number of cycles from 1, not {most!r}")
    report = _report(tested)
    if report.cycles > most:
        raise AssertionError(
            f"{_head(report)}: {report.cycles:,} cycles an inference, {report.cycles - most:,} "
            f"over the budget of {most:,}\n{layer_table(report, most)}"
        )


def assert_accuracy(
    program: Executable,
    inputs: Any,
    labels: Any,
    *,
    at_least: float,
    executor: str = "machine",
    port: str | None = None,
) -> None:
    """Assert that at least this share of samples, 0 to 1, gets its label as the class.

    ``labels`` are numbers of classes, ``[N]``. The class is the place of the largest value of the
    network's first output; where that is a single int32 or int64 a sample, as of an ArgMax, it is
    the value.

    Raises ``AssertionError``, which names the samples that are wrong, and says whether the core
    computes them as the reference does: if so it is the network that is wrong, else the first layer
    that differs is named. ``ValueError`` for labels or a share that are none.
    """
    __tracebackhide__ = True
    if not 0 <= at_least <= 1:
        raise ValueError(f"at_least must be a share from 0 to 1, not {at_least!r}")
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
        raise ValueError(
            "labels must be numbers of classes of shape [N] with N from 1, not "
            f"{labels.dtype} {list(labels.shape)}"
        )
    result = program.run(inputs, executor, port=port)
    found = _classes(result.output)
    if found.shape != labels.shape:
        raise ValueError(f"{len(labels):,} labels must be one for each of {len(found):,} samples")
    right = int((found == labels).sum())
    if right / labels.size >= at_least:
        return
    wrong = np.flatnonzero(found != labels)
    named = [f"{i} (is {found[i]}, should be {labels[i]})" for i in wrong[:LISTED]]
    named += ["..."] if len(wrong) > LISTED else []
    raise AssertionError(
        f"{_head(result.report)}: {right:,} of {labels.size:,} samples right, "
        f"{100 * right / labels.size:.2f} %, at least {100 * at_least:.2f} % should be\n"
        f"  wrong: {', '.join(named)}\n  {_who(program, inputs, wrong[:LISTED], executor, port)}\n"
        f"{layer_table(result.report)}"
    )


def assert_golden(result: Result, path: str | Path, *, update: bool = False) -> None:
    """Assert that a result is, element for element, the one that is recorded in a file.

    The file is an ``.npz`` of the outputs, and of the layers if the result has them. With
    ``update`` it is written instead; the same result gives the same bytes.

    Raises ``AssertionError``, which names the first layer, element and values that differ, or says
    that there is no file; ``ValueError`` for a file that is none of this kind.
    """
    __tracebackhide__ = True
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"{path}: a golden file must be called NAME.npz")
    if update:
        arrays: dict[str, Any] = {LAYER + name: array for name, array in result.layers.items()}
        arrays |= {OUTPUT + name: array for name, array in result.outputs.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)
        return
    if not path.exists():
        raise AssertionError(
            f"there is no golden file {path}; write it with: pytest --accel-update-golden"
        )
    expected = _golden(path)
    try:
        assert_same(result, expected)
    except AssertionError as difference:
        hint = "" if expected.layers and result.layers else _NO_LAYERS
        raise AssertionError(
            f"{path.name} has other answers; if they are wanted: pytest --accel-update-golden\n"
            f"{difference}{hint}\n{layer_table(result.report)}"
        ) from None


_NO_LAYERS = "\n  run both with layers=True to see the layer in which it begins"


def layer_table(report: Report, budget: int | None = None) -> str:
    """The layers of one inference, a line each: cycles, and their share of all or of a budget."""
    of = "of budget" if budget else "of all"
    rows = [("layer", "mode", "cycles", of)]
    whole = budget or report.cycles or 1
    for layer, _ in report.whole_layers:
        cycles = layer.cycles_model if layer.cycles is None else layer.cycles
        rows.append(
            (escaped(layer.name), layer.how, f"{cycles:,}", f"{100 * cycles / whole:.1f} %")
        )
    share = f"{100 * report.cycles / whole:.1f} %"
    rows.append(("one inference", "", f"{report.cycles:,}", share))
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"  {a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}" for a, b, c, d in rows
    )


def _report(tested: Any) -> Report:
    """Of a result its own, of a program that of the cycle model."""
    report = getattr(tested, "report", None)
    if report is None:
        raise TypeError(f"a program or a result must be given, not {type(tested).__name__}")
    return report(inexact=()) if callable(report) else report


def _head(report: Report) -> str:
    """Which network on which core, and where figures of it come from."""
    config = report.program.config
    ran = report.executor or "the cycle model"
    return (
        f"{escaped(report.program.name)} on {config.rows}x{config.columns} {config.format}, {ran}"
    )


def _classes(output: np.ndarray) -> np.ndarray:
    flat = output.reshape(len(output), -1)
    if flat.shape[1] > 1:
        return flat.argmax(axis=1)
    if output.dtype in (np.int32, np.int64):
        return flat[:, 0]
    raise ValueError(
        f"the network answers one {output.dtype} a sample, which names no class; compare what you "
        "make of it yourself"
    )


def _who(program: Executable, inputs: Any, wrong: np.ndarray, executor: str, port: Any) -> str:
    """Whether the samples are wrong by the network or by what ran it."""
    from accel.api import Program

    if executor == "reference":
        return "the reference ran: it is the network that is wrong"
    if not isinstance(program, Program):
        return "the program has no model with it, so its layers are not compared with the reference"
    if isinstance(inputs, dict):
        few: Any = {name: array[wrong] for name, array in inputs.items()}
    else:
        few = np.asarray(inputs)[wrong]
    try:
        reference = program.run(few, "reference", layers=True)
        assert_same(program.run(few, executor, layers=True, port=port), reference)
    except AssertionError as difference:
        return f"{executor} differs from the reference: {difference}"
    return "every layer of these equals the reference: it is the network that is wrong"


def _golden(path: Path) -> Any:
    """Outputs and layers of a golden file, as a result has them."""
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as problem:
        raise ValueError(
            f"{path}: is no golden file ({problem}); write it with: pytest --accel-update-golden"
        ) from problem
    kinds = {
        kind: {name.removeprefix(kind): x for name, x in arrays.items() if name.startswith(kind)}
        for kind in (LAYER, OUTPUT)
    }
    return SimpleNamespace(outputs=kinds[OUTPUT], layers=kinds[LAYER])
