"""Text that comes from files, made safe to be shown: in terminals, listings, pages and drawings."""


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
