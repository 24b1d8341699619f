"""One self-contained HTML page: facts, charts with hover, drawings and tables."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from accel.text import escaped

_ENVIRONMENT = Environment(
    loader=PackageLoader("accel.pictures"),
    autoescape=select_autoescape(default=True),
    finalize=lambda value: escaped(value) if type(value) is str else value,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows below headings; a heading that begins with ``>`` is of a column of numbers."""

    headings: Sequence[str]
    rows: Iterable[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, what there is to see, and how to read it.

    ``content`` is a chart, a table, a drawing in SVG or a list of sentences.
    """

    title: str
    content: Figure | Table | Markup | Sequence[str]
    explanation: str = ""


def render(title: str, facts: Mapping[str, str], sections: Iterable[Section]) -> str:
    """The page as text. Everything that comes from files is escaped."""
    shown = [
        {
            "title": section.title,
            "explanation": section.explanation,
            **_content(section.content, f"chart-{number}"),
        }
        for number, section in enumerate(sections)
    ]
    script = Markup(get_plotlyjs()) if any(s["kind"] == "chart" for s in shown) else None
    page = _ENVIRONMENT.get_template("page.html.jinja")
    return page.render(title=title, facts=facts, sections=shown, plotly=script)


def label(text: str) -> str:
    """A text from a file as a label of a chart or a drawing, its markup escaped."""
    return html.escape(escaped(text), quote=False)


def _content(content: Any, name: str) -> dict[str, Any]:
    if isinstance(content, Figure):
        chart = content.to_html(
            full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False}
        )
        return {"kind": "chart", "content": Markup(chart)}
    if isinstance(content, Table):
        columns = [(text.removeprefix(">"), text.startswith(">")) for text in content.headings]
        return {"kind": "table", "columns": columns, "rows": [list(row) for row in content.rows]}
    if isinstance(content, Markup):
        return {"kind": "drawing", "content": content}
    return {"kind": "sentences", "content": list(content)}
