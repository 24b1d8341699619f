"""The notebooks run from top to bottom, and are kept without what they print."""

import re
import warnings
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_SECONDS = 600  # of a cell: a core's RTL may have to be compiled


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def sources(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == kind]


def ids(path: Path) -> str:
    return path.stem


@pytest.fixture
def of_its_own(tmp_path, monkeypatch):
    """Folders that Jupyter and IPython would keep in the user's home."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_it_runs(path, of_its_own):
    notebook = read(path)
    resources = {"metadata": {"path": str(FOLDER)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter's own
        NotebookClient(notebook, timeout=MOST_SECONDS, resources=resources).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    told = [out for cell in code for out in cell.outputs]
    assert len(told) >= 5
    assert not [out for out in told if out.output_type == "error"]


def test_there_are_three():
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_it_is_kept_without_output(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_it_explains(path):
    """Words before code; and what they link to is there."""
    notebook = read(path)
    assert notebook.cells[0].cell_type == "markdown"
    assert len(" ".join(sources(path, "markdown")).split()) > 300
    for text in sources(path, "markdown"):
        for target in re.findall(r"\]\(([^):]+)\)", text):
            assert (FOLDER / target).exists(), target
