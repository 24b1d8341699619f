"""The shape of the code: who imports whom, how long files are, and that formatters agree."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.toml import tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAPPING = PROJECT["tool"]["setuptools"]["package-dir"]
MAX_LINES = 500

# A part may import itself and what is listed. Parts are packages or modules directly in accel.
FOUNDATION = {"errors", "discovery", "advice", "processes", "text", "usb"}
DEFINITIONS = FOUNDATION | {"numeric", "config", "isa", "protocol", "identity"}
ALLOWED = {
    "errors": set(),
    "advice": set(),
    "text": set(),
    "usb": set(),
    "discovery": {"errors"},
    "processes": set(),
    "numeric": FOUNDATION,
    "flow": {"advice", "errors", "processes"},
    "config": FOUNDATION | {"numeric"},
    "isa": FOUNDATION | {"numeric", "config", "protocol"},
    "protocol": set(),
    "identity": {"config", "protocol"},
    "core": DEFINITIONS,
    "compiler": DEFINITIONS,
    "boards": FOUNDATION | {"config", "core"},
    "datapath": DEFINITIONS | {"__init__", "api", "compiler", "core", "flow", "sim"},
    "host": DEFINITIONS | {"compiler"},
    "digits": DEFINITIONS | {"compiler"},
    "quantization": FOUNDATION | {"compiler", "numeric"},
    "sim": DEFINITIONS | {"compiler", "core", "flow", "host", "api"},
    "ports": DEFINITIONS | {"boards", "host", "sim"},
    "executors": DEFINITIONS
    | {"compiler", "host", "ports", "session", "sim"},  # also for annotations
    "session": DEFINITIONS | {"boards", "compiler", "executors", "host", "sim"},
    "bringup": DEFINITIONS | {"boards", "compiler", "digits", "host", "session", "sim"},
    "target": DEFINITIONS | {"boards", "core", "flow"},
    "bench": DEFINITIONS | {"api", "boards", "compiler", "digits", "flow", "sim", "target"},
    # api for annotations only
    "executable": DEFINITIONS
    | {"api", "boards", "compiler", "executors", "host", "ports", "results", "session", "sim"}
    | {"target"},
    "api": DEFINITIONS
    | {"boards", "compiler", "executable", "explore", "host", "results", "target"},
    "results": DEFINITIONS | {"compiler", "executable", "host", "sim"},  # also for annotations
    "pictures": DEFINITIONS | {"api", "boards", "compiler"},
    "estimate": DEFINITIONS | {"boards", "core", "target"},
    "export": DEFINITIONS
    | {"api", "boards", "compiler", "core", "datapath", "digits", "estimate", "flow", "host", "sim"}
    | {"target"},
    "explore": DEFINITIONS
    | {
        "api",
        "boards",
        "compiler",
        "core",
        "estimate",
        "flow",
        "host",
        "session",
        "sim",
        "target",
    },
    "__init__": {"api", "config", "results"},
    "__main__": {"cli", "processes"},
}
EVERYTHING = {"cli"}

# Rooms of the larger parts, each with the others that it may import.
SOURCES_OF_ALL = {"diagnostics", "ir"}
ROOMS = {
    "accel.compiler": {
        "diagnostics": set(),
        "ir": set(),
        "operators": SOURCES_OF_ALL,
        "graph": SOURCES_OF_ALL | {"operators"},
        "frontends": SOURCES_OF_ALL | {"graph", "operators"},
        "schedule": SOURCES_OF_ALL,
        "lowering": SOURCES_OF_ALL | {"graph", "operators", "schedule"},
        "memory": SOURCES_OF_ALL | {"schedule"},
        "program": {"graph", "ir", "lowering", "memory", "operators"},
        "pipeline": SOURCES_OF_ALL | {"graph", "lowering", "memory", "program"},
        "compile": SOURCES_OF_ALL | {"pipeline", "program"},
        "reports": SOURCES_OF_ALL
        | {"frontends", "graph", "lowering", "operators", "pipeline", "program"},
        "tflite_export": SOURCES_OF_ALL | {"operators"},
    },
    "accel.core": {
        "signals": set(),
        "link_signatures": set(),
        "signatures": set(),
        "primitives": {"signals"},
        "clocking": {"signals"},
        "pe": {"primitives", "signals"},
        "datapath": {"pe", "primitives", "signals", "signatures"},
        "control": {"link_signatures", "primitives", "signals", "signatures"},
        "flash": {"link_signatures", "primitives", "signals", "signatures"},
        "memory": {"control", "datapath", "flash", "link_signatures", "primitives", "signals"}
        | {"signatures"},
        "host_link": {"link_signatures", "signals"},
        "core": {
            "control",
            "datapath",
            "flash",
            "host_link",
            "link_signatures",
            "memory",
            "primitives",
            "signals",
            "signatures",
        },
        "buses": {"core", "flash"},
        "isa_page": set(),
        "board_top": {"clocking", "core", "flash", "host_link"},
    },
    "accel.sim": {
        "rtl2cpp": set(),
        "rtl": {"rtl2cpp"},
        "board": {"rtl"},
        "functional": {"rtl"},
        "cycles": {"functional"},
        "gates": {"cycles", "rtl"},
        "compare": set(),
        "assertions": {"compare"},
        "pytest_plugin": {"assertions", "compare"},
    },
    "accel.numeric": {
        "affine": set(),
        "rounding": set(),
        "runtimes": {"rounding"},
        "elementwise": {"affine", "rounding", "runtimes"},
        "rules": {"affine", "elementwise", "rounding", "runtimes"},
        "division": {"rules"},
        "formats": set(),
    },
    "accel.flow": {
        "tools": set(),
        "output": set(),
        "process": set(),
        "plan": set(),
        "modules": set(),
        "rtlil": set(),
        "cache": {"tools"},
        "timing": {"tools"},
        "products": {"cache", "output", "plan", "timing"},
        "summary": {"modules", "plan", "timing", "tools"},
        "runner": {"cache", "output", "process", "products", "tools"},
        "stages": {"cache", "plan", "products", "tools"},
        "build": {
            "cache",
            "output",
            "plan",
            "products",
            "runner",
            "stages",
            "summary",
            "timing",
            "tools",
        },
    },
}
MOST_MODULES = 15  # loose ones in a folder
REGISTRIES = (  # a file is a registration there, or a command, or a campaign
    "accel.boards",
    "accel.cli",
    "accel.compiler.frontends",
    "accel.compiler.operators",
    "accel.core.pe",
    "accel.numeric.formats",
)


def modules() -> dict[str, Path]:
    """Every module of the package by its name as it is imported."""
    found = {}
    for package, folder in sorted(MAPPING.items(), key=lambda item: item[0]):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


MODULES = modules()
TRACKED = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if name and (ROOT / name).is_file()
)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def part_of(module: str) -> str:
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def imports(module: str) -> set[str]:
    """Absolute names of all modules of ours that a module imports, anywhere in it."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(name, package) if node.level else name
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in MODULES else base)
    return {name for name in found if name.split(".")[0] == "accel"}


def test_parts_import_only_what_they_may():
    wrong = []
    for module in MODULES:
        part = part_of(module)
        if part in EVERYTHING:
            continue
        assert part in ALLOWED, f"{module} is in no part that the design knows"
        for name in imports(module):
            other = part_of(name)
            constants = name == "accel"  # __version__ and what api offers
            if other != part and other not in ALLOWED[part] and not constants:
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def room_of(module: str, part: str) -> str:
    return module.removeprefix(part + ".").split(".")[0]


@pytest.mark.parametrize("part", ROOMS)
def test_rooms_import_only_what_they_may(part):
    wrong = []
    for module in MODULES:
        if not module.startswith(part + "."):
            continue
        room = room_of(module, part)
        assert room in ROOMS[part], f"{module} is in no room that the design knows"
        for name in imports(module):
            other = room_of(name, part) if name.startswith(part + ".") else room
            if other != room and other not in ROOMS[part][room]:
                wrong.append(f"{module} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("part", ROOMS)
def test_rooms_have_no_circles(part):
    """Rooms can be put in an order in which each imports only those before it."""
    rest = dict(ROOMS[part])
    while rest:
        first = [room for room, others in rest.items() if not others & rest.keys()]
        assert first, f"a circle among {', '.join(rest)}"
        rest = {room: others for room, others in rest.items() if room not in first}


def test_no_folder_is_a_heap():
    folders: dict[str, int] = {}
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            folder = module.rpartition(".")[0]
            folders[folder] = folders.get(folder, 0) + 1
    heaps = {
        folder: count
        for folder, count in folders.items()
        if count > MOST_MODULES and not folder.startswith(REGISTRIES)
    }
    assert heaps == {}


def test_core_and_compiler_never_meet():
    for one, other in (("core", "compiler"), ("compiler", "core")):
        for module in MODULES:
            if part_of(module) == one:
                assert other not in {part_of(name) for name in imports(module)}, module


def test_private_modules_stay_in_their_part():
    wrong = []
    for module in MODULES:
        for name in imports(module):
            private = re.search(r"\._(?!_)", name)
            if private and part_of(name) != part_of(module):
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_glob_imports_are_only_of_amaranth_and_only_in_hardware():
    for module, path in MODULES.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                assert node.module == "amaranth.hdl", module
                assert part_of(module) in ("core", "sim"), module


def test_annotations_are_never_strings_in_the_core():
    for module, path in MODULES.items():
        if part_of(module) == "core":  # components read their own annotations
            assert "from __future__ import annotations" not in path.read_text(), module


def test_packages_are_the_folders():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    found = {
        name if path.name == "__init__.py" else name.rpartition(".")[0]
        for name, path in MODULES.items()
    }
    assert listed == sorted(found)


@pytest.mark.parametrize("path", [p for p in TRACKED if p.suffix == ".py"], ids=lambda p: p.stem)
def test_files_are_short_and_say_what_they_are(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    needs_docstring = text.strip() and "tests" not in path.parts
    assert ast.get_docstring(tree_of(path)) or not needs_docstring


def public_classes(tree: ast.Module):
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node


def test_public_classes_say_what_they_are():
    wrong = [
        f"{module}.{node.name}"
        for module, path in MODULES.items()
        if not path.name.startswith("_")
        for node in public_classes(tree_of(path))
        if not ast.get_docstring(node)
    ]
    assert wrong == []


def test_what_users_call_says_what_it_does():
    import accel

    for name in accel.__all__:
        if name != "__version__":
            assert getattr(accel, name).__doc__, name


@pytest.mark.parametrize("command", [["format", "--check"], ["check"]], ids=lambda c: c[0])
def test_ruff_has_nothing_to_say(command):
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    done = subprocess.run(
        [ruff, *command, "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Written in pieces, so that this file does not find itself.
_PLACES = [r"/wo" + r"rk/", r"/tm" + r"p/", r"/ho" + r"me/", r"/ro" + r"ot/"]


def test_no_file_names_a_place_on_some_machine():
    pattern = re.compile(rf"(?<![\w.~])(?:{'|'.join(_PLACES)})")
    wrong = []
    for path in TRACKED:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        wrong += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    assert wrong == []
