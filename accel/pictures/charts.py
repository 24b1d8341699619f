"""Charts of a network on a core and of a build: Plotly figures, in cycles, MAC, words and MHz."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter

from accel.api import Layer, Report
from accel.compiler.ir.segment_starts import last_of
from accel.compiler.memory.allocation import overwritten
from accel.compiler.program.program import Chunk, CoreProgram, DmaTransfer
from accel.compiler.reports.fusion import working_nodes
from accel.config import FLASH, AcceleratorConfig
from accel.pictures.colors import (
    BLUE,
    GREEN,
    GREY,
    LIGHT_BLUE,
    LIGHT_GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
)
from accel.pictures.page import label

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
# What routing runs through: where these are nearly all taken, it takes long and the clock suffers.
# Multipliers, block RAM, PLLs and pins may be full by design, and cost nothing by that.
_CROWDED = {"LC", "LUT", "FF"}
_FULL = 90  # % from which on that is so
_LETTERS, _LINES = 175, 30  # of labels, along and up a roofline
_LABELLED = 12  # dots of a roofline that have their names written out
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


@dataclass(frozen=True)
class _Work:
    """The layers of one node: what it is called, its cycles by their parts, MACs, bytes of program.

    Nodes that are fused into its layers cost nothing beside it.
    """

    name: str
    lost: Mapping[str, float]
    macs: int
    cycles: int
    size: int
    flash: bool


def _works(report: Report) -> list[_Work]:
    """What every node of the network costs, in the order of a run; without layers nothing."""
    homes = working_nodes(report.program.compiled.code)
    groups: dict[str, list[tuple[Layer, Chunk]]] = {}
    for layer, chunk in zip(report.layers, report.program.compiled.code.chunks, strict=True):
        groups.setdefault(homes[layer.node], []).append((layer, chunk))
    found: list[_Work] = []
    for home, group in groups.items():
        layers = [layer for layer, _ in group]
        parts = {layer.parts for layer in layers}
        several = f"{len(group)} layers" if parts == {1} else f"{max(parts)} parts of K"
        name = layers[0].name if len(group) == 1 else f"{home} ({several})"
        found.append(
            _Work(
                name=f"{len(found) + 1} {label(name)}",
                lost={part: sum(layer.lost[part] for layer in layers) for part in _PARTS},
                macs=sum(layer.macs for layer in layers),
                cycles=sum(layer.cycles_model for layer in layers),
                size=sum(len(chunk.data) for _, chunk in group),
                flash=any(chunk.bank == FLASH for _, chunk in group),
            )
        )
    return found


def layer_bars(report: Report) -> Figure:
    """Each node's cycles, by what they are lost to.

    `accel.sim.cycles.loss_attribution` says what the parts are.
    """
    works = _works(report)
    names = [work.name for work in works]
    chart = figure(
        height=120 + 24 * len(names), x="cycles", y="", barmode="stack", yaxis_autorange="reversed"
    )
    for part, (text, color) in _PARTS.items():
        cycles = [work.lost[part] for work in works]
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
    """Each node's MAC a cycle over its MAC per byte of program, below what the core could do.

    Dots have the numbers of the bars above, and their names where these are few.
    """
    config = report.program.config
    dots = [
        _Dot(work.name, work.macs / work.size, work.macs / work.cycles, work.flash)
        for work in _works(report)
        if work.macs
    ]
    if len(dots) > _LABELLED:
        dots = [replace(dot, label=dot.name.partition(" ")[0]) for dot in dots]
    chart = figure(height=560, x="MAC per byte of weights and records", y="MAC a cycle")
    streams = _streams(config)
    knees = [config.peak_macs / rate for _, rate, _ in streams]
    ends = [*knees, *(dot.x for dot in dots)]
    x = np.geomspace(min(ends) / 3, max(ends) * 3, 200)
    low = min([config.peak_macs / 10, *(dot.y / 3 for dot in dots)])
    span = (np.log10(x[-1] / x[0]), np.log10(config.peak_macs * 3 / low))
    chart.update_xaxes(type="log", range=[np.log10(x[0]), np.log10(x[-1])])
    chart.update_yaxes(type="log", range=[np.log10(low), np.log10(config.peak_macs * 3)])
    for text, rate, dash in streams:
        roof = np.minimum(config.peak_macs, x * rate)
        chart.add_trace(
            Scatter(x=x, y=roof, name=text, mode="lines", line={"dash": dash, "color": GREY})
        )
    sides = _sides(dots, span)
    for text, color, flash in (("program in memory", BLUE, False), ("in flash", RED, True)):
        chosen = [dot for dot in dots if dot.flash == flash]
        if not chosen:
            continue
        chart.add_trace(
            Scatter(
                name=f"layers, {text}",
                x=[dot.x for dot in chosen],
                y=[dot.y for dot in chosen],
                text=[dot.label or dot.name for dot in chosen],
                customdata=[dot.name for dot in chosen],
                mode="markers+text",
                textposition=[sides[dot.name] for dot in chosen],
                textfont={"size": 10, "color": color},
                marker={"color": color, "size": 9},
                hovertemplate="%{customdata}: %{y:.2f} MAC a cycle at %{x:.1f} MAC a byte"
                "<extra></extra>",
            )
        )
    return chart


@dataclass(frozen=True)
class _Dot:
    """A node on a roofline; ``label`` is what is written beside it, if not its name."""

    name: str
    x: float
    y: float
    flash: bool
    label: str = ""


def _sides(dots: Sequence[_Dot], span: tuple[float, float]) -> dict[str, str]:
    """The side of each dot on which its label hides least; ``span`` has the axes' decades.

    Distances are in letters and lines of the labels, about, of a chart as wide as a page.
    """
    wide, high = _LETTERS / span[0], _LINES / span[1]
    places = {dot.name: (wide * np.log10(dot.x), high * np.log10(dot.y)) for dot in dots}
    taken = [(x - 1, x + 1, y - 0.4, y + 0.4) for x, y in places.values()]
    found = {}
    for dot in dots:
        x, y = places[dot.name]
        width = len(dot.label or dot.name)
        boxes = {
            "top center": (x - width / 2, x + width / 2, y + 0.5, y + 1.5),
            "bottom center": (x - width / 2, x + width / 2, y - 1.5, y - 0.5),
            "middle right": (x + 1.1, x + 1.1 + width, y - 0.5, y + 0.5),
            "middle left": (x - 1.1 - width, x - 1.1, y - 0.5, y + 0.5),
            "top right": (x + 0.8, x + 0.8 + width, y + 0.3, y + 1.3),
            "bottom right": (x + 0.8, x + 0.8 + width, y - 1.3, y - 0.3),
            "top left": (x - 0.8 - width, x - 0.8, y + 0.3, y + 1.3),
            "bottom left": (x - 0.8 - width, x - 0.8, y - 1.3, y - 0.3),
        }
        hidden = {side: sum(_overlap(box, other) for other in taken) for side, box in boxes.items()}
        found[dot.name] = min(hidden, key=hidden.__getitem__)
        taken.append(boxes[found[dot.name]])
    return found


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The area that two boxes share, each given by left, right, bottom and top."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[2], b[2]))


def _streams(config: AcceleratorConfig) -> list[tuple[str, float, str]]:
    """Where a program comes from, and its bytes a cycle."""
    found = [("roof with weights from memory", float(config.rows), "solid")]
    if config.flash_lanes:
        rate = config.flash_lanes / 8 / config.flash_divider
        found.append(("roof with weights from flash", rate, "dot"))
    return found


def memory_map(report: Report) -> Figure:
    """Which words of the banks hold what while the network runs."""
    code = report.program.compiled.code
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
    begun = {i.tensor: start for n, start in enumerate(code.starts) for i in code.inputs_of(n)}
    lives = {name: (min(start, last), min(start, last)) for name, start in begun.items()}
    for index, command in enumerate(code.commands):
        lives.setdefault(command.output, (index, index))
        for name in (command.source, *overwritten(command)):
            lives[name] = (lives.get(name, (0, 0))[0], index)
    for name in code.partition.outputs:
        root = code.aliases[name].root
        written = max((n for n, c in enumerate(code.commands) if c.output == root), default=last)
        read = min(last_of(code.starts, written, last), last)
        lives[root] = (lives.get(root, (0, 0))[0], max(read, lives.get(root, (0, 0))[1]))
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
            marker_color=[
                RED if name in _CROWDED and share > _FULL else BLUE
                for name, share in zip(names, shares, strict=True)
            ],
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


def bars(names: Sequence[str], values: Sequence[float | None], axis: str) -> Figure:
    """A bar for each name, the first above; a name without a value has none."""
    chart = figure(height=110 + 34 * len(names), x=axis, y="", showlegend=False)
    chart.update_yaxes(autorange="reversed")
    chart.add_trace(
        Bar(
            x=list(values),
            y=[label(name) for name in names],
            orientation="h",
            marker_color=BLUE,
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )
    return chart
