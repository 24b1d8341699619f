"""Finds what our documents name: files, folders, modules, identifiers and links."""

import importlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"[\w.-]+(?:/[\w.*-]+)*/?")
_MODULE = re.compile(r"(?:accel|tests)(?:\.\w+)+")
_HIDDEN = re.compile(r"(^|/)(\.|build/|dist/|[^/]*\.egg-info/|__pycache__/)")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_SUFFIXES = (".py", ".md", ".json", ".jsonl", ".svg", ".cc", ".jinja", ".ipynb", ".npz", ".toml")
# Links of the package, from the names that are imported to the folders that hold them.
_FOLDERS = {"accel.sim": "sim", "accel.boards": "boards", "accel.digits": "examples/digits"}


class Named(NamedTuple):
    """Something that a document names, and on which line."""

    document: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}: {self.name}"


@cache
def tracked() -> tuple[Path, ...]:
    """All files of the project that git knows, or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:  # no clone: a copy of the sources
        every = (
            path for path in ROOT.rglob("*") if not _HIDDEN.search(str(path.relative_to(ROOT)))
        )
        return tuple(sorted(path for path in every if path.is_file()))
    paths = (ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


@cache
def sources() -> str:
    """The text of all that is no document."""
    kinds, without = (".py", ".toml", ".cc", ".jinja"), ROOT / "tests" / "test_documents.py"
    found = (path for path in tracked() if path.suffix in kinds and path != without)
    return "\n".join(path.read_text() for path in found)


def _prose(document: Path) -> Iterator[tuple[int, str]]:
    """The lines of a document that are no blocks of code."""
    fenced = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line


def rows(document: Path) -> Iterator[tuple[int, str]]:
    """The lines of a document that a page must have room for: all but commands and their output."""
    return _prose(document)


def links(document: Path) -> Iterator[Named]:
    """Links to files of ours."""
    for number, line in _prose(document):
        for target in _LINK.findall(line):
            if ":" not in target:
                yield Named(document, number, target)


def in_code(document: Path) -> Iterator[Named]:
    """What stands in backticks, but for commands and what has spaces or placeholders."""
    for number, line in _prose(document):
        for text in _CODE.findall(line):
            if " " not in text and not text.startswith(("-", "<", "*", "/")):
                yield Named(document, number, text)


def link_exists(link: Named) -> bool:
    target, _, section = link.name.partition("#")
    path = link.document.parent / target if target else link.document
    if not path.exists():
        return False
    return not section or section in _sections(path)


def _sections(path: Path) -> set[str]:
    headings = (line.lstrip("#") for line in path.read_text().splitlines() if line.startswith("#"))
    return {re.sub(r"[^\w -]", "", title.strip().lower()).replace(" ", "-") for title in headings}


def is_path(name: str) -> bool:
    """Whether a name is that of a file or a folder of ours, not of one that a user has."""
    if not _PATH.fullmatch(name) or re.search(r"(^|/)[A-Z]+(\.|/|$)", name.removesuffix(".md")):
        return False
    return "/" in name or name.endswith(_SUFFIXES)


def path_exists(named: Named) -> bool:
    """Whether a path leads somewhere from the document's folder or from the top; a file alone may
    be anywhere below the document's folder.

    Files that are written, such as ``report.json``, are those that our sources or a command in the
    same document name.
    """
    bases = (named.document.parent, ROOT, ROOT / "accel")
    name = named.name.rstrip("/")
    if any(any(base.glob(name)) if "*" in name else (base / name).exists() for base in bases):
        return True
    if "/" not in name and any(path.name == name for path in _below(named.document.parent)):
        return True
    if name.endswith((".py", ".md")):
        return False
    made = re.findall(r"(?:-o|--\w+) (\S+)", named.document.read_text())
    return f'"{Path(name).name}"' in sources() or name.split("/")[0] in made


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in tracked() if path.is_relative_to(folder))


def is_module(name: str) -> bool:
    return bool(_MODULE.fullmatch(name)) and not name.endswith(_SUFFIXES)


def module_exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = _module_path(".".join(parts[:length]))
        if path is not None:
            module = importlib.import_module(".".join(parts[:length]))
            return length == len(parts) or hasattr(module, parts[length])
    return False


def _module_path(name: str) -> Path | None:
    for package, folder in _FOLDERS.items():
        if name == package or name.startswith(f"{package}."):
            name = folder + name.removeprefix(package)
    base = ROOT / name.replace(".", "/")
    found = (base / "__init__.py", base.with_suffix(".py"))
    return next((path for path in found if path.exists()), None)


def is_identifier(name: str) -> bool:
    """Whether a name looks like one of code: with an underscore, or in capitals and small
    letters."""
    return bool(_IDENTIFIER.fullmatch(name)) and bool(re.search(r"_|[a-z][A-Z]|\.", name))


def identifier_exists(name: str) -> bool:
    """Whether each part of a name stands somewhere in our sources."""
    return all(re.search(rf"\b{re.escape(part)}\b", sources()) for part in name.split("."))


def modules_run(document: Path) -> Iterator[Named]:
    """What follows ``python -m``, and the files that ``pytest`` is given."""
    for number, line in enumerate(document.read_text().splitlines(), 1):
        for module in re.findall(r"python3? -m ([\w.]+)", line):
            if module.split(".")[0] in ("accel", "tests"):
                yield Named(document, number, module)


def paths_tested(document: Path) -> Iterator[Named]:
    for number, line in enumerate(document.read_text().splitlines(), 1):
        for words in re.findall(r"pytest((?: [\w/.-]+)+)", line):
            for word in words.split():
                if word.startswith("tests"):
                    yield Named(document, number, word)
