"""The pages: of a compiled network and its run, of a build, of a network alone."""

from collections.abc import Mapping
from typing import Any

from accel.api import Report
from accel.pictures import charts
from accel.pictures.network import drawing
from accel.pictures.page import Section, Table, render


def run_page(report: Report, clock_mhz: float | None = None) -> str:
    """What an inference takes, layer by layer; ``clock_mhz`` turns cycles into time."""
    code, config = report.program.code, report.program.config
    source = "counted by the core" if report.measured else "by the cycle model, which equals RTL"
    facts = {
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
        Section(
            title="Where the cycles go",
            content=charts.layer_bars(report),
            explanation="One bar a layer, in order. Green is what the array would take at its peak; "
            "everything else is lost.",
        ),
        Section(
            title="Roofline",
            content=charts.roofline(report),
            explanation="A dot a layer. Below the slanted part of a line its weights cannot come any "
            "faster; below the level part the array is the limit. The distance to the line is what "
            "can be gained.",
        ),
        Section(
            title="Memory over time",
            content=charts.memory_map(report),
            explanation="What each word of the two banks holds while the layers run. Tensors come "
            "and go; the program stays for the next inference.",
        ),
        Section(title="Layers", content=_layers(report)),
        Section(
            title="The network as compiled",
            content=drawing(report),
            explanation=_DRAWING,
        ),
    ]
    title = f"{report.program.name} on {report.program.board or 'a core of its own'}"
    return render(title, facts, sections)


_DRAWING = (
    "Blue boxes run on the core, orange ones in the host's driver; grey ones cost nothing: they are "
    "fused into another layer or only another view of the same words."
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
    use = report["utilization"]
    facts = {
        "device": report["device"],
        "core": core,
        "clock": f"{report['clock_mhz']:g} MHz, {'met' if report['timing_met'] else 'NOT met'}",
        "signed-off Fmax": f"{fmax['signed_off']:.1f} MHz, seed {report['best_seed']}",
        "of all seeds": f"{fmax['min']:.1f} to {fmax['max']:.1f} MHz, median {fmax['median']:.1f}",
        **{tool["name"]: tool["version"] for tool in report["tools"]},
    }
    sections = [
        Section(
            title="Fit",
            content=charts.fit(
                {name: one["used"] for name, one in use.items()},
                {name: one["available"] for name, one in use.items()},
            ),
            explanation="After place and route. Above 90 % (red) routing takes long and the clock "
            "suffers.",
        ),
        Section(
            title="Fmax over seeds",
            content=charts.seeds(fmax, report["clock_mhz"]),
            explanation="Each seed is a run of place and route of the same netlist; the best is "
            "the one in the bitstream.",
        ),
        Section(
            title="Critical paths",
            content=report["worst_paths"],
            explanation="The longest of each pair of places, longest first, in the best seed.",
        ),
    ]
    return render(f"{report['board']}: {core} core", facts, sections)


def _layers(report: Report) -> Table:
    rows = []
    for layer, counters in zip(report.layers, report.counters, strict=True):
        share = f"{100 * layer.utilization:.1f} %" if layer.macs else ""
        counts = (counters.cycles, counters.busy, counters.waiting_weights, counters.waiting_drain)
        rows.append([layer.name, layer.mode, f"{layer.macs:,}", *(f"{n:,}" for n in counts), share])
    headings = ["layer", "mode", ">MACs", ">cycles", ">busy", ">waiting: weights", ">drain"]
    return Table(headings=[*headings, ">of peak"], rows=rows)
