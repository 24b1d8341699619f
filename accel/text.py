"""Text that comes from files, as it may be shown: in terminals, listings, pages and drawings."""


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
