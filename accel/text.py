"""Text that comes from files, as it may be shown: in terminals, listings, pages and drawings."""

from collections.abc import Iterable


def escaped(text: str) -> str:
    """One line that shows what it says, whatever names a file has.

    What is no printable character is spelled as Python does: control characters, with which a
    terminal can be told to do things, ends of lines, marks that turn the direction of what follows,
    spaces that cannot be seen, halves of characters.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escaped_lines(text: str) -> str:
    """The same of several lines, which stay lines."""
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
