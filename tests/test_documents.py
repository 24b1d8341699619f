"""Documents say what is so: what they name exists, and what they show is made from its one source.

``--update-golden`` makes the tables, the outputs and the drawings anew.
"""

import re
from pathlib import Path

import pytest

from accel import boards
from accel.executors import EXECUTORS
from accel.numeric.rounding import CONTRACTS
from tests.support.documents import made, names
from tests.support.documents.names import ROOT, Named

WIDEST = 160  # characters of a line
LONGEST = 120  # lines of a room's page, made parts aside
DOCUMENTS = names.documents()
OF_OTHERS = {"export_qonnx", "export_onnx_qcdq"}  # Brevitas'


def packages(folder: str) -> set[str]:
    """Packages directly in a folder, and the folder itself if it is one."""
    top = ROOT / folder
    found = {path.parent for path in (top / "__init__.py", *top.glob("*/__init__.py"))}
    return {str(path.relative_to(ROOT)) for path in found if (path / "__init__.py").exists()}


def rooms() -> set[str]:
    """All rooms: parts of the package, rooms of its large parts, and those of the tests."""
    found = packages("accel") - {"accel"}
    frontends = ("accel/compiler/frontends", "accel/compiler/frontends/onnx")
    for large in ("accel/compiler", "accel/core", "sim", *frontends):
        found |= packages(large)
    return found | {"boards", "tests", "tests/support", "tests/campaigns"}


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=ids)


# What is there.


def test_every_room_has_a_page():
    assert len(rooms()) >= 40
    lacking = {room for room in rooms() if not (ROOT / room / "README.md").exists()}
    assert lacking == set()


def test_every_example_has_a_page_and_a_place_in_the_path():
    examples = {
        path.relative_to(ROOT).parts[1]
        for path in names.tracked()
        if path.is_relative_to(ROOT / "examples") and len(path.relative_to(ROOT).parts) > 2
    }
    path = (ROOT / "examples" / "README.md").read_text()
    for example in examples:
        assert (ROOT / "examples" / example / "README.md").exists(), example
        assert f"({example}/README.md)" in path, example


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_rooms_page_names_its_modules(room):
    """The files in reading order: all of them, but where a file is a registration."""
    text = (ROOT / room / "README.md").read_text()
    modules = [p for p in (ROOT / room).glob("*.py") if p.name != "__init__.py"]
    if room in ("accel/cli", "accel/compiler/operators", "boards", "tests/campaigns"):
        modules = [p for p in modules if p.name.startswith("_") and room == "accel/cli"]
    missing = [p.name for p in modules if f"{p.name}`" not in text and f"{p.name}]" not in text]
    assert missing == []


def test_the_glossary_explains_what_reports_print():
    """Cells, contracts, executors and dataflows by their names, and the field's words of our
    texts."""
    text = (ROOT / "accel" / "core" / "GLOSSARY.md").read_text()
    explained = set(re.findall(r"[\w-]+", text))
    cells = {name for board in boards.BOARDS.values() for name in board.resources}
    assert cells | set(CONTRACTS) | set(EXECUTORS) <= explained
    words = {line.split("|")[1].strip().split(",")[0] for line in text.splitlines() if "|" in line}
    field = {"Fmax", "sign-off", "systolic array", "requantize", "contract", "chunk", "tile"}
    assert field <= words


# What is named.


@every_document
def test_links_lead_somewhere(document):
    assert [str(link) for link in names.links(document) if not names.link_exists(link)] == []


@every_document
def test_paths_modules_and_identifiers_exist(document):
    wrong = [str(named) for named in names.in_code(document) if not exists(named)]
    assert wrong == []


def exists(named: Named) -> bool:
    if names.is_module(named.name):
        quoted = f'"{named.name}"' in names.sources()  # a group of entry points
        return quoted or names.module_exists(named.name)
    if names.is_path(named.name):
        return names.path_exists(named)
    if names.is_identifier(named.name):
        return named.name in OF_OTHERS or names.identifier_exists(named.name)
    return True


@every_document
def test_what_is_run_exists(document):
    for named in names.modules_run(document):
        assert names.module_exists(named.name), str(named)
    for named in names.paths_tested(document):
        assert (ROOT / named.name).exists(), str(named)


@pytest.mark.parametrize(
    "text",
    [
        "see `core/no_such_file.py`",
        "in `accel.compiler.no_such_module`",
        "of `accel.config.NoSuchClass`",
        "the `NoSuchClass` is",
        "`no_such_function` does",
        "in `accel/no_such_folder/`",
    ],
)
def test_what_does_not_exist_is_found(text, tmp_path):
    document = tmp_path / "README.md"
    document.write_text(f"# Title\n\n{text}, as the README says.\n")
    (named,) = names.in_code(document)
    assert not exists(named)


@pytest.mark.parametrize("target", ["no_such_file.md", "README.md#no-such-section"])
def test_a_link_that_leads_nowhere_is_found(target, tmp_path):
    document = tmp_path / "README.md"
    document.write_text(f"# Title\n\n[text]({target})\n")
    (link,) = names.links(document)
    assert not names.link_exists(link)


# What is shown.


@every_document
def test_lines_fit_a_page(document):
    assert [number for number, line in names.rows(document) if len(line) > WIDEST] == []


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_rooms_page_is_a_page(room):
    assert len(made.written((ROOT / room / "README.md").read_text()).splitlines()) <= LONGEST


@every_document
def test_what_is_made_is_as_it_would_be_made_now(document, request, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    text = document.read_text()
    renewed = made.with_output(made.with_parts(text))
    if request.config.getoption("--update-golden"):
        document.write_text(renewed)
    assert document.read_text() == renewed, "make it anew with --update-golden"


def test_every_part_is_shown_once():
    shown = [part for document in DOCUMENTS for part in made.named(document.read_text())]
    assert sorted(shown) == sorted(made.PARTS)
