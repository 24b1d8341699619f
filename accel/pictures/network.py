"""The network as it was compiled, drawn: what is fused, where it runs, what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout
from markupsafe import Markup

from accel.api import Report
from accel.compiler.ir.graph import Node
from accel.compiler.operators import OPERATORS
from accel.compiler.reports.fusion import working_nodes
from accel.pictures.colors import BLUE, GREY, ORANGE
from accel.text import escaped

_WIDTH, _HEIGHT, _MARGIN = 340, 46, 20
_END = "#ffffff"


@dataclass
class _Box:
    """What the layout asks of a box: its size, and where the centre is put."""

    title: str
    detail: str
    color: str
    w: float = _WIDTH
    h: float = _HEIGHT
    xy: tuple[float, float] = (0.0, 0.0)


def drawing(report: Report) -> Markup:
    """SVG of the compiled graph, from the inputs down; boxes are blue on the core, orange in the
    driver, grey where they cost nothing."""
    code = report.program.compiled.code
    vertices: dict[str, Vertex] = {}
    producer: dict[str, str] = {}

    homes = working_nodes(code)

    def add(key: str, box: _Box) -> None:
        vertices[key] = Vertex(key)
        vertices[key].view = box

    for name in code.graph.inputs:
        tensor = code.graph.tensor(name)
        add(f"input {name}", _Box(name, f"{_shape(tensor.shape)} {tensor.dtype}", _END))
        producer[name] = f"input {name}"
    for node in code.graph:
        add(node.name, _box(node, report, homes))
        producer.update((name, node.name) for name in node.outputs)
    ends = []
    for name in code.graph.outputs:
        tensor = code.graph.tensor(name)
        add(f"output {name}", _Box(name, f"{_shape(tensor.shape)} {tensor.dtype}", _END))
        ends.append((producer[name], f"output {name}"))
    pairs = [
        (producer[name], node.name)
        for node in code.graph
        for name in node.inputs
        if name in producer
    ]
    edges = [Edge(vertices[a], vertices[b]) for a, b in dict.fromkeys([*pairs, *ends])]
    graph = Graph(list(vertices.values()), edges)
    _place(graph)
    return _svg([vertex.view for vertex in vertices.values()], edges)


def _place(graph: Graph) -> None:
    """Give each box its place; parts that hang together stand side by side."""
    right = 0.0
    for part in graph.C:
        layout = SugiyamaLayout(part)
        layout.xspace, layout.yspace = 30, 26
        roots = [vertex for vertex in part.sV if not vertex.e_in()]
        layout.init_all(roots=roots)
        layout.draw()
        left = min(vertex.view.xy[0] for vertex in part.sV)
        for vertex in part.sV:
            x, y = vertex.view.xy
            vertex.view.xy = (x - left + right, y)
        right = max(vertex.view.xy[0] for vertex in part.sV) + _WIDTH + 40


def _box(node: Node, report: Report, homes: Mapping[str, str]) -> _Box:
    layers = [layer for layer in report.layers if homes[layer.node] == node.name]
    shape = _shape(report.program.compiled.code.graph.tensor(node.outputs[0]).shape)
    title = f"{node.name} · {node.source or node.operator}"
    if layers:
        cycles = sum(
            layer.cycles_model if layer.cycles is None else layer.cycles for layer in layers
        )
        of_k = max(layer.parts for layer in layers)
        parts = f", {len(layers)} parts" if len(layers) > 1 else ""
        parts = f", {of_k} parts of K" if of_k > 1 else parts
        mode = max(layers, key=lambda layer: layer.macs).mode
        return _Box(title, f"{shape} · {mode}{parts} · {cycles:,} cycles", BLUE)
    partition = report.program.compiled.code.partition
    if node in partition.driver:
        return _Box(title, f"{shape} · driver", ORANGE)
    free = "a view" if OPERATORS[node.operator].alias else "fused, at no cost"
    if not OPERATORS[node.operator].alias and node.name in homes:
        free = f"fused into {homes[node.name]}"
    return _Box(title, f"{shape} · {free}", GREY)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:])) or "1"


def _svg(boxes: list[_Box], edges: list[Edge]) -> Markup:
    left = min(box.xy[0] - box.w / 2 for box in boxes) - _MARGIN
    top = min(box.xy[1] - box.h / 2 for box in boxes) - _MARGIN
    width = max(box.xy[0] + box.w / 2 for box in boxes) + _MARGIN - left
    height = max(box.xy[1] + box.h / 2 for box in boxes) + _MARGIN - top
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{w:.0f}" height="{h:.0f}" '
        'viewBox="{x:.0f} {y:.0f} {w:.0f} {h:.0f}" font-family="system-ui, sans-serif">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" fill="#5a6773"/></marker></defs>'
    ).format(x=left, y=top, w=width, h=height)
    lines = [_line(edge.v[0].view, edge.v[1].view) for edge in edges]
    return Markup("\n").join([head, *lines, *map(_rectangle, boxes), Markup("</svg>")])


def _line(a: _Box, b: _Box) -> Markup:
    begin, end = a.xy[1] + a.h / 2, b.xy[1] - b.h / 2
    bend = min(40.0, (end - begin) / 2)
    return Markup(
        '<path d="M{:.0f},{:.0f}C{:.0f},{:.0f} {:.0f},{:.0f} {:.0f},{:.0f}" fill="none" '
        'stroke="#5a6773" marker-end="url(#arrow)"/>'
    ).format(a.xy[0], begin, a.xy[0], begin + bend, b.xy[0], end - bend, b.xy[0], end)


def _rectangle(box: _Box) -> Markup:
    title, detail = escaped(box.title), escaped(box.detail)
    x, y = box.xy[0] - box.w / 2, box.xy[1] - box.h / 2
    return Markup(
        "<g><title>{title}: {detail}</title>"
        '<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="6" fill="{color}" '
        'fill-opacity="0.18" stroke="{stroke}"/>'
        '<text x="{cx:.0f}" y="{y1:.0f}" text-anchor="middle" font-size="12.5" '
        'font-weight="600" fill="#1c2733">{short}</text>'
        '<text x="{cx:.0f}" y="{y2:.0f}" text-anchor="middle" font-size="11" '
        'fill="#5a6773">{below}</text></g>'
    ).format(
        title=title,
        detail=detail,
        x=x,
        y=y,
        w=box.w,
        h=box.h,
        color=box.color,
        stroke=GREY if box.color == _END else box.color,
        cx=box.xy[0],
        y1=y + 19,
        y2=y + 36,
        short=_cut(title, 38),
        below=_cut(detail, 44),
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
