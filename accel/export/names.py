"""Identifiers and comments for what a network calls by any text."""

import re
from collections.abc import Iterable

_C = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while
"""
_RESERVED = frozenset(_C.split())
_LONGEST, _MOST = 40, 80


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """An identifier of C for each name, no two alike."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")[:_LONGEST].rstrip("_").lower()
        if not plain or plain[0].isdigit() or plain in _RESERVED:
            plain = f"tensor_{plain}".rstrip("_")
        unique, number = plain, 2
        while unique in taken:
            unique, number = f"{plain}_{number}", number + 1
        taken.add(unique)
        found[name] = unique
    return found


def comment(text: str) -> str:
    """A name as it may stand in a comment of C or in Markdown: one line, no marks that end one."""
    return (
        re.sub(r"[^0-9A-Za-z_ .,:;()+=/-]", "?", text).replace("??", "-").replace("/*", "/-")[:80]
    )
