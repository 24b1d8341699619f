"""Charts of a network on a core and of a build; figures of Plotly, in cycles, MAC, words and MHz."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter

from accel.api import Report
from accel.compiler.program.program import Chunk, CoreProgram, DmaTransfer
from accel.config import FLASH, AcceleratorConfig
from accel.pictures.page import label

# Of colours that people with any colour vision tell apart (Okabe and Ito).
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a9199"
SKY, LIGHT_BLUE, LIGHT_GREEN, PURPLE = "#56b4e9", "#9fc9e6", "#8fd6b8", "#cc79a7"
# What the cycles of a layer go into, by the names of `accel.sim.cycles.loss_attribution`.
_PARTS = {
    "ideal": ("ideal, at the array's peak", GREEN),
    "other": ("other work than multiplying", LIGHT_GREEN),
    "depthwise": ("depthwise: idle columns and zeros", BLUE),
    "first": ("channels that the input lacks", SKY),
    "padding": ("channels that fill words", LIGHT_BLUE),
    "edges": ("edges of tiles", PURPLE),
    "weights": ("waiting for weights", RED),
    "drain": ("waiting for results to drain", ORANGE),
    "commands": ("beginning and end of the layer", GREY),
}
_MARGIN = {"l": 10, "r": 10, "t": 30, "b": 10}


def figure(*, height: int, x: str, y: str, **layout: Any) -> Figure:
    """An empty chart in the pages' manner, with what its axes say."""
    made = Figure()
    made.update_layout(
        template="plotly_white",
        height=height,
        margin=_MARGIN,
        # Below, for the buttons are above.
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        **layout,
    )
    made.update_xaxes(title=x, automargin=True)
    made.update_yaxes(title=y, automargin=True)
    return made


def layer_bars(report: Report) -> Figure:
    """Each layer's cycles, by what they are lost to; `accel.sim.cycles.loss_attribution` says what is what."""
    names = [label(layer.name) for layer in report.layers]
    chart = figure(
        height=120 + 24 * len(names), x="cycles", y="", barmode="stack", yaxis_autorange="reversed"
    )
    for part, (text, color) in _PARTS.items():
        cycles = [layer.lost[part] for layer in report.layers]
        if not any(cycles):
            continue
        chart.add_trace(
            Bar(
                name=text,
                y=names,
                x=cycles,
                orientation="h",
                marker_color=color,
                hovertemplate="%{y}: %{x:,.0f} cycles " + text + "<extra></extra>",
            )
        )
    return chart


def roofline(report: Report) -> Figure:
    """Each layer's MAC a cycle over its MAC per byte of program, below what the core could do."""
    code, config = report.program.code, report.program.config
    dots = [
        (layer, layer.macs / len(chunk.data), chunk.bank == FLASH)
        for layer, chunk in zip(report.layers, code.chunks, strict=True)
        if layer.macs
    ]
    chart = figure(height=430, x="MAC per byte of weights and records", y="MAC a cycle")
    chart.update_xaxes(type="log")
    chart.update_yaxes(type="log")
    reach = [x for _, x, _ in dots] or [1.0]
    x = np.geomspace(min(0.1, *reach) / 2, max(100.0, *reach) * 2, 200)
    for text, rate, dash in _streams(config):
        roof = np.minimum(config.peak_macs, x * rate)
        chart.add_trace(
            Scatter(x=x, y=roof, name=text, mode="lines", line={"dash": dash, "color": GREY})
        )
    for text, color, flash in (("program in memory", BLUE, False), ("in flash", RED, True)):
        chosen = [(layer, at) for layer, at, streamed in dots if streamed == flash]
        if not chosen:
            continue
        chart.add_trace(
            Scatter(
                name=f"layers, {text}",
                x=[at for _, at in chosen],
                y=[layer.utilization * config.peak_macs for layer, _ in chosen],
                text=[label(layer.name) for layer, _ in chosen],
                mode="markers",
                marker={"color": color, "size": 9},
                hovertemplate="%{text}: %{y:.2f} MAC a cycle at %{x:.1f} MAC a byte<extra></extra>",
            )
        )
    return chart


def _streams(config: AcceleratorConfig) -> list[tuple[str, float, str]]:
    """Where a program comes from, and its bytes a cycle."""
    found = [("roof with weights from memory", float(config.rows), "solid")]
    if config.flash_lanes:
        rate = config.flash_lanes / 8 / config.flash_divider
        found.append(("roof with weights from flash", rate, "dot"))
    return found


def memory_map(report: Report) -> Figure:
    """Which words of the banks hold what while the network runs."""
    code = report.program.code
    ends = np.cumsum([c.cycles for c in report.counters])
    begins = [0, *ends[:-1].tolist()]
    chart = figure(height=480, x="cycles of an inference", y="word of memory")
    for kind, color in (("tensor", BLUE), ("program", ORANGE)):
        boxes = [box for box in _boxes(code, begins, ends.tolist()) if box.kind == kind]
        chart.add_trace(
            Scatter(
                name={"tensor": "activations", "program": "descriptors, records, weights"}[kind],
                # An outline each; None parts them.
                x=[x for b in boxes for x in (b.begin, b.end, b.end, b.begin, b.begin, None)],
                y=[y for b in boxes for y in (b.low, b.low, b.high, b.high, b.low, None)],
                text=[text for b in boxes for text in [b.text] * 5 + [None]],
                fill="toself",
                mode="lines",
                line={"color": color, "width": 1},
                hoveron="points",
                hovertemplate="%{text}<extra></extra>",
            )
        )
    words = code.config.bank_words
    chart.add_hline(y=words, line={"color": GREY, "dash": "dash"}, annotation_text="bank 1 above")
    chart.update_yaxes(range=[0, 2 * words])
    return chart


@dataclass(frozen=True)
class _Box:
    """Words ``low`` to ``high`` from cycle ``begin`` to ``end``; bank 1 lies above bank 0."""

    kind: str
    text: str
    begin: int
    end: int
    low: int
    high: int


def _boxes(code: CoreProgram, begins: Sequence[int], ends: Sequence[int]) -> list[_Box]:
    config, last = code.config, len(code.commands) - 1
    lives: dict[str, tuple[int, int]] = {i.tensor: (0, 0) for i in code.inputs}
    for index, command in enumerate(code.commands):
        lives.setdefault(command.output, (index, index))
        for name in (command.source, command.residual):
            if name:
                lives[name] = (lives.get(name, (0, 0))[0], index)
    for name in code.partition.outputs:
        root = code.aliases[name].root
        lives[root] = (lives.get(root, (0, 0))[0], last)
    found = []
    for name, (born, dies) in lives.items():
        place = code.memory.tensors[name]
        words = place.layout.words(config.rows)
        shape = "x".join(map(str, place.layout.shape))
        text = f"{label(name)} ({shape}): {words * config.rows:,} bytes in bank {place.bank}"
        low = place.bank * config.bank_words + place.address
        found.append(_Box("tensor", text, begins[born], ends[dies], low, low + words))
    copies = [(copy, begin) for copy, begin in zip(code.transfers, begins, strict=True) if copy]
    for index, (command, chunk) in enumerate(zip(code.commands, code.chunks, strict=True)):
        if chunk.bank == FLASH:
            continue
        # What is copied from flash is there from its copy on until its layer ends.
        begin, end = 0, ends[-1]
        if chunk.prefetched:
            begin = next(b for c, b in copies if c.bank == chunk.bank and _within(c, chunk, config))
            end = ends[index]
        low = chunk.bank * config.bank_words + chunk.address
        words = len(chunk.data) // config.rows
        text = f"program of {label(command.name)}: {len(chunk.data):,} bytes in bank {chunk.bank}"
        found.append(_Box("program", text, begin, end, low, low + words))
    return found


def _within(copy: DmaTransfer, chunk: Chunk, config: AcceleratorConfig) -> bool:
    """Whether a chunk begins among the words of a copy."""
    return copy.address <= chunk.address < copy.address + copy.size // config.rows


def fit(used: Mapping[str, int], available: Mapping[str, int]) -> Figure:
    """The share of each of an FPGA's resources that a design takes."""
    names = [name for name in used if used[name] and available.get(name)]
    shares = [100 * used[name] / available[name] for name in names]
    chart = figure(height=110 + 34 * len(names), x="% of the FPGA", y="", showlegend=False)
    chart.update_xaxes(range=[0, 105])
    chart.update_yaxes(autorange="reversed")
    chart.add_trace(
        Bar(
            x=shares,
            y=names,
            orientation="h",
            marker_color=[RED if share > 90 else BLUE for share in shares],
            text=[f"{used[name]:,} of {available[name]:,}" for name in names],
            hovertemplate="%{y}: %{text}, %{x:.0f} %<extra></extra>",
        )
    )
    return chart


def seeds(fmax: Mapping[str, Any], clock_mhz: float) -> Figure:
    """Fmax of each seed of place and route beside the clock that is asked for."""
    runs = fmax["seeds"]
    chart = figure(height=340, x="seed", y="MHz", barmode="group")
    for key, text, color in (
        ("signed_off", "signed off", BLUE),
        ("nextpnr", "nextpnr's own", LIGHT_BLUE),
    ):
        chart.add_trace(
            Bar(
                name=text,
                x=[str(run["seed"]) for run in runs],
                y=[run[key] for run in runs],
                marker_color=color,
                hovertemplate="seed %{x}: %{y:.2f} MHz " + text + "<extra></extra>",
            )
        )
    chart.add_hline(y=clock_mhz, line={"color": RED}, annotation_text=f"clock {clock_mhz:g} MHz")
    median = fmax["median"]
    chart.add_hline(
        y=median, line={"color": GREY, "dash": "dot"}, annotation_text=f"median {median:.1f} MHz"
    )
    chart.update_xaxes(type="category")
    return chart
