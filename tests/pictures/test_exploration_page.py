"""The page of an exploration opens in a real browser and shows every point."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from accel.explore.network import Network
from accel.explore.point import Space
from accel.explore.store import Store
from accel.explore.sweep import Sweep, pareto_fronts
from accel.pictures.exploration import describe, exploration_page
from tests.support.browser import Browser, find_browser

DIGITS = Path(__file__).parents[2] / "examples/digits"


def explored(folder: Path, columns: list[int]) -> tuple[list[dict], list[dict]]:
    """Points and fronts of the digits on two boards, by estimate."""
    network = Network.read(DIGITS / "digits_int8.tflite", DIGITS / "test_images.npz")
    space = Space(["icebreaker", "ulx3s_25f"], {"rows": [2, 4], "columns": columns})
    with ThreadPoolExecutor(1) as executor:
        outcomes = Sweep([network], executor, Store(folder)).estimate(space)
    points = [outcome.as_dict() for outcome in outcomes]
    fronts = [
        {**vars(front), "points": [outcomes.index(outcome) for outcome in front.outcomes]}
        for front in pareto_fronts(outcomes)
    ]
    return points, fronts


def test_it_draws_all_its_charts_without_a_console_error(tmp_path):
    points, fronts = explored(tmp_path, [2, 4, 16])
    file = tmp_path / "page.html"
    file.write_text(exploration_page("Cores", points, fronts))
    seen = Browser(find_browser()).open(file)
    assert seen.console == []
    assert seen.document.count('id="chart-') == 1 + 3 + 2  # all boards; logic, energy, accuracy
    assert "Energy on ulx3s_25f is not known and not compared" in seen.document
    assert seen.colors > 20
    assert all(describe(points[i]) in seen.document for front in fronts for i in front["points"])
    assert "Why points were left out" in seen.document
