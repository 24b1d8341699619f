"""Text that comes from files, made safe to be shown: in terminals, listings, pages and drawings."""

from collections.abc import Iterable


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
