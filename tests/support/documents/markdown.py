"""Tables in Markdown, in rows that fit a page."""

from collections.abc import Iterable, Iterator


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heading = list(heading)
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def lines_of(names: Iterable[str], width: int) -> Iterator[str]:
    """Names with commas between them, in lines of at most ``width`` characters."""
    line = ""
    for name in names:
        longer = f"{line}, {name}" if line else name
        if line and len(longer) > width:
            yield f"{line},"
            longer = name
        line = longer
    yield line
