"""Text that comes from files, made safe to be shown: in terminals, listings, pages and drawings."""

from collections.abc import Iterable
from html import escape
from typing import Any


def escaped(text: str) -> str:
    """One line of text, in which everything that is not printable is shown as an escape sequence.

    As Python spells them: control characters, which can command a terminal, ends of lines, marks
    that change the direction of text, invisible spaces, and lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escaped_lines(text: str) -> str:
    """The same for several lines, which stay lines."""
    return "\n".join(map(escaped, text.split("\n")))


def in_a_line(text: str) -> str:
    """The lines of a message as one, parted by semicolons."""
    return "; ".join(filter(None, map(str.strip, text.splitlines()))).replace(":;", ":")


def counted_lines(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each reason with all whom it concerns, ``(who, reason)``; none stands twice."""
    concerned: dict[str, list[str]] = {}
    for who, reason in reasons:
        concerned.setdefault(in_a_line(reason), []).append(who)
    return [f"{'; '.join(who)}: {reason}" for reason, who in concerned.items()]


def html_table(heading: Iterable[str], rows: Iterable[Iterable[Any]], caption: str = "") -> str:
    """A table in HTML, whatever names a network's file has in it."""

    def line(cells: Iterable[Any], tag: str) -> str:
        shown = (f"<{tag}>{escape(escaped(str(cell)))}</{tag}>" for cell in cells)
        return f"<tr>{''.join(shown)}</tr>"

    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(line(row, "td") for row in rows)
    return f"<table>{title}<thead>{line(heading, 'th')}</thead><tbody>{body}</tbody></table>"
