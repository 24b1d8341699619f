"""The pages: of a compiled network and its run, of a build, of a network alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from accel.api import Report
from accel.pictures import charts
from accel.pictures.answers import SHOWN, TOP, Answers, answers_of_classifier, summaries
from accel.pictures.network import drawing
from accel.pictures.page import Section, Table, label, render


def run_page(
    report: Report,
    clock_mhz: float | None = None,
    outputs: Mapping[str, np.ndarray] | None = None,
    answers: Answers | None = None,
) -> str:
    """What a run answered and what an inference takes, layer by layer.

    ``clock_mhz`` turns cycles into time; ``outputs`` are those of a run, ``[N, ...]`` by name, and
    ``answers`` the classes that it decided for, if that is known.
    """
    code, config = report.program.compiled.code, report.program.config
    source = "counted by the core" if report.measured else "by the cycle model, which equals RTL"
    facts = {
        **_run_facts(report, answers if outputs else None),
        "core": f"{config.rows}x{config.columns} {config.format}, {config.family}",
        "cycles an inference": f"{report.cycles:,}",
        "of the array's peak": f"{100 * report.utilization:.1f} %",
        **({"an inference": f"{report.cycles / clock_mhz / 1e3:.3f} ms"} if clock_mhz else {}),
        "multiply-accumulates": f"{report.macs:,}",
        "program": f"{code.size_bytes:,} bytes",
        "contract": report.program.contract,
        "cycles are": source,
    }
    sections = [
        *_answers(report, outputs or {}, answers),
        Section(
            title="Where the cycles go",
            content=charts.layer_bars(report),
            explanation="One bar an operator that takes time, in order; those that are fused into "
            "it cost nothing beside it. Green is what the array would take at its peak; "
            "everything else is lost.",
        ),
        Section(
            title="Roofline",
            content=charts.roofline(report),
            explanation="A dot for each bar above. Below the slanted part of a line its "
            "weights cannot come any faster; below the level part the array is the limit. The "
            "distance to the line is what can be gained. A dot above it skips blocks of weights "
            "that are zero, which count as work.",
        ),
        Section(
            title="Memory over time",
            content=charts.memory_map(report),
            explanation="What each word of the two banks holds while the layers run. Tensors come "
            "and go; the program stays for the next inference.",
        ),
        Section(title="Layers", content=_layers(report)),
        *_crossings(report),
        Section(
            title="The network as compiled",
            content=drawing(report),
            explanation=_DRAWING,
        ),
    ]
    title = f"{report.program.name} on {report.program.board or 'a core of its own'}"
    return render(title, facts, sections)


_MODULES = 12  # that are told apart
_DRAWING = (
    "Blue boxes run on the core, with what they cost; orange ones run in the host's driver; grey "
    "ones cost nothing: they are computed on the way in the layer that they name, or are only "
    "another view of the same words."
)


def _crossings(report: Report) -> list[Section]:
    """What the driver computes between runs of the core, and what crosses for that."""
    if not report.crossings:
        return []
    times = report.timing.crossings_ms if report.timing else ()
    rows = [
        [
            label(one.layer or "the end"),
            ", ".join(map(label, one.nodes)),
            f"{one.from_core:,}",
            f"{one.to_core:,}",
            f"{times[number]:.2f}" if number < len(times) else "",
        ]
        for number, one in enumerate(report.crossings)
    ]
    headings = ["before layer", "the driver computes", ">bytes to it", ">back", ">ms of the link"]
    return [
        Section(
            title="Computed by the driver inside the network",
            content=Table(headings=headings, rows=rows),
            explanation="The core ends a run before each of these, and begins the next one after "
            "it. The time is the link's alone.",
        )
    ]


def _run_facts(report: Report, answers: Answers | None) -> dict[str, str]:
    """What stands first on the page of a run."""
    if report.executor is None:
        return {}
    facts = {"run by": report.executor, "samples": f"{report.samples:,}"}
    if answers is not None and answers.accuracy is not None:
        right = f"{answers.right:,} of {len(answers.chosen):,}"
        facts["right"] = f"{right}, {100 * answers.accuracy:.2f} %"
    return facts


def _answers(
    report: Report, outputs: Mapping[str, np.ndarray], answers: Answers | None
) -> list[Section]:
    """What a run answered: classes, how many are right, and the numbers of every output."""
    graph, found = report.program.compiled.code.graph, []
    if answers is None and outputs:
        answers = answers_of_classifier(graph, outputs)
    if answers is not None:
        found.append(_top(answers))
    if answers is not None and (classes := answers.of_each_class()):
        rows = [
            [answers.name(index), f"{count:,}", f"{right:,}", f"{100 * right / count:.1f} %"]
            for index, count, right in classes
        ]
        headings = ["class", ">samples", ">right", ">share"]
        found.append(
            Section(
                title=f"Right by class: {100 * (answers.accuracy or 0):.2f} % of all",
                content=Table(headings=headings, rows=rows),
            )
        )
    if outputs:
        headings = ["output", "type", "shape", ">least", ">mean", ">greatest"]
        rows = summaries(graph.tensors, outputs)
        found.append(Section(title="Outputs", content=Table(headings=headings, rows=rows)))
    return found


def _top(answers: Answers) -> Section:
    """The best classes of the first samples."""
    samples = len(answers.chosen)
    true = ["true class"] if answers.labels is not None else []
    ranks = [f"{rank}." for rank in range(1, min(TOP, answers.classes) + 1)]
    rows = []
    for sample in range(min(SHOWN, samples)):
        best = [f"{answers.name(index)} ({value:.3g})" for index, value in answers.top(sample)]
        own = [] if answers.labels is None else [answers.name(int(answers.labels[sample]))]
        rows.append([str(sample), *own, *best])
    return Section(
        title="Answers",
        content=Table(headings=[">sample", *true, *ranks], rows=rows),
        explanation=f"The best classes and their values, of {len(rows)} of {samples:,} samples.",
    )


def network_page(report: Report) -> str:
    """The network as compiled, alone."""
    facts = {
        "layers on the core": str(len(report.layers)),
        "cycles an inference": f"{report.cycles:,}",
        "multiply-accumulates": f"{report.macs:,}",
    }
    section = Section(
        title="The network as compiled", content=drawing(report), explanation=_DRAWING
    )
    return render(f"{report.program.name}, compiled", facts, [section])


def build_page(report: Mapping[str, Any]) -> str:
    """A finished build, from what its ``report.json`` says."""
    config, fmax = report["configuration"], report["fmax_mhz"]
    core = f"{config['rows']}x{config['columns']} {config['format']}"
    use, several = report["utilization"], len(fmax["seeds"]) > 1
    spread = f"{fmax['min']:.1f} to {fmax['max']:.1f} MHz, median {fmax['median']:.1f}"
    facts = {
        "device": report["device"],
        "core": core,
        "clock": f"{report['clock_mhz']:g} MHz, {'met' if report['timing_met'] else 'NOT met'}",
        "signed-off Fmax": f"{fmax['signed_off']:.1f} MHz, "
        + (f"seed {report['best_seed']}" if several else "of one seed"),
        "nextpnr's own": f"{fmax['nextpnr']:.1f} MHz",
        **({"of all seeds": spread} if several else {}),
        **{tool["name"]: tool["version"] for tool in report["tools"]},
    }
    seeds = Section(
        title="Fmax over seeds",
        content=charts.seeds(fmax, report["clock_mhz"]),
        explanation="Each seed is a run of place and route of the same netlist; the best is "
        "the one in the bitstream.",
    )
    sections = [
        Section(
            title="Fit",
            content=charts.fit(
                {name: one["used"] for name, one in use.items()},
                {name: one["available"] for name, one in use.items()},
            ),
            explanation="After place and route. Above 90 % of the logic (red) routing takes long "
            "and the clock suffers; multipliers, memories and PLLs may be full.",
        ),
        *_modules(report),
        # One seed is no chart.
        *([seeds] if several else []),
        Section(
            title="Critical paths",
            content=report["worst_paths"],
            explanation="The longest of each pair of places, longest first, in the best seed.",
        ),
    ]
    return render(f"{report['board']}: {core} core", facts, sections)


def _modules(report: Mapping[str, Any]) -> list[Section]:
    """Which parts of the design take the logic; builds of earlier versions did not count that."""
    modules = report.get("modules")
    if not modules:
        return []
    counts = {name: module["logic"] for name, module in list(modules.items())[:_MODULES]}
    others = sum(module["logic"] for module in modules.values()) - sum(counts.values())
    counts |= {f"{len(modules) - _MODULES} others": others} if others else {}
    return [
        Section(
            title="Which module takes the logic",
            content=charts.bars(list(counts), list(counts.values()), "lookup tables"),
            explanation="Lookup tables of the netlist by the module that they come from, before "
            "they are packed into cells.",
        )
    ]


def _layers(report: Report) -> Table:
    rows = []
    for number, (layer, counters) in enumerate(report.whole_layers, 1):
        share = f"{100 * layer.utilization:.1f} %" if layer.macs else ""
        counts = (counters.cycles, counters.busy, counters.waiting_weights, counters.waiting_drain)
        rows.append(
            [
                str(number),
                layer.name,
                layer.how,
                f"{layer.macs:,}",
                *(f"{n:,}" for n in counts),
                share,
            ]
        )
    headings = [">", "layer", "mode", ">MACs", ">cycles", ">busy", ">waiting: weights", ">drain"]
    return Table(headings=[*headings, ">of peak"], rows=rows)
