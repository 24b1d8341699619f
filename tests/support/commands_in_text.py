"""Finds the commands that our texts and messages tell people to type."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VALUE = "VALUE"  # stands for what a message fills in
_PROGRAMS = ("accel", "pip", "python", "python3", "pytest")
_BLOCK = re.compile(r"^(?: {4,}|\$ )(.*)$")


@dataclass(frozen=True)
class Command:
    """A command: its words, the file and line of the text, and whether it stands on its own line.

    ``folder`` is where it is to be typed, ``made`` are files that commands before it have made.
    """

    words: tuple[str, ...]
    file: Path
    line: int
    whole: bool
    folder: Path
    made: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {shlex.join(self.words)}"


def in_markdown(path: Path) -> Iterator[Command]:
    """Commands in blocks of code, in their order, and in backticks; of notebooks, too.

    Those of an example are typed in its folder, all others at the top.
    """
    text, made = _text_of(path), set()
    folder = path.parent if path.parent.parent == ROOT / "examples" else ROOT
    fenced = False
    for number, line in _logical_lines(text):
        fenced = fenced != line.startswith("```")
        found = _BLOCK.match(line)
        if found is None or (fenced and not line.startswith("$ ")):
            continue
        for words in _split(found[1]):
            if words[0] == "cd":
                folder = ROOT / words[1]
                continue
            yield Command(words, path, number, True, folder, frozenset(made))
            made |= _made(words)
    for found in re.finditer(r"(?<!`)`([^`]+)`(?!`)", text):
        number = text[: found.start()].count("\n") + 1
        for words in _split(" ".join(found[1].split()).replace("\\|", "|")):
            yield Command(words, path, number, False, folder)


def _text_of(path: Path) -> str:
    """A file's text, of a notebook what is told between the code."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines by their numbers; one that ends with a backslash goes on with the next."""
    begun, number = "", 0
    for at, line in enumerate(text.splitlines(), 1):
        number = number or at
        if line.endswith("\\"):
            begun += (
                line.removesuffix("\\").rstrip() + " " if not begun else line.strip("\\ ") + " "
            )
            continue
        yield number, begun + line.strip() if begun else line
        begun, number = "", 0


def _made(words: tuple[str, ...]) -> set[str]:
    """Names of files that a command leaves."""
    outputs = {words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-o", "--output")}
    return outputs | set(re.findall(r"save\('([^']+)'", " ".join(words)))


def in_python(path: Path) -> Iterator[Command]:
    """Commands in docstrings, on lines of their own, and in backticks in any text."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    inside = {id(part) for node in ast.walk(tree) for part in _parts(node)}
    for node in ast.walk(tree):
        if isinstance(node, documented) and (docstring := ast.get_docstring(node)):
            for line in docstring.splitlines():
                for words in _split(line.strip()):
                    yield Command(words, path, node.body[0].lineno, True, ROOT)
        text = _text(node) if id(node) not in inside else None
        for found in re.finditer(r"`([^`]+)`|(pip install [^;:()`]+)", text or ""):
            for words in _split(" ".join((found[1] or found[2]).split())):
                yield Command(words, path, node.lineno, False, ROOT)


def _parts(node: ast.AST) -> list[ast.AST]:
    return list(node.values) if isinstance(node, ast.JoinedStr) else []


def _text(node: ast.AST) -> str | None:
    """The text of a literal, with ``VALUE`` where it is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (_text(part) if isinstance(part, ast.Constant) else VALUE for part in node.values)
        return "".join(part or "" for part in parts)
    return None


def _split(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of a line, if it is one; paths before programs are taken off."""
    for part in re.sub(r"\s+#.*", "", line).split(" && "):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        if words and (words[0] == "cd" or Path(words[0]).name in _PROGRAMS) and len(words) > 1:
            yield (Path(words[0]).name, *words[1:])
