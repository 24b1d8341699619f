"""A small part of the campaign: mutants are drawn, made, judged and taken back."""

import ast
import sys
from collections import Counter

import pytest

from tests.campaigns import mutants
from tests.campaigns.mutants import Results, drawn, equivalent, failing_anyway, judged
from tests.campaigns.mutating.changes import Mutant, mutants_of
from tests.campaigns.mutating.spoiled import ROOT, UNFINISHED, Copy, Verdict, every_mutant, stages

SOURCE = '''"""Words."""
from typing import Annotated
LIMIT: Annotated[int, 3] = 7

@cache(maxsize=4)
def f(a: int = 1, wide: bool = False) -> "int":
    """Words of 2."""
    if a < LIMIT and not wide:
        a += 2
    print(f"{a + 1} of {LIMIT}", timeout=5)
    return [x for x in range(a) if g(x)] if wide else -a << 1
'''
CHANGES = [
    *(
        "7 -> (8)",
        "1 -> (2)",
        "False -> (True)",
        "a < LIMIT and not wide -> (a < LIMIT or not wide)",
    ),
    "a < LIMIT and not wide -> (not (a < LIMIT and (not wide)))",
    *("a < LIMIT -> (a <= LIMIT)", "not wide -> (wide)", "a += 2 -> a -= 2", "2 -> (3)"),
    *("g(x) -> (not g(x))", "-a << 1 -> (-a >> 1)", "-a -> (a)", "1 -> (2)"),
    "[{0}] if wide else -a << 1 -> ([{0}] if not wide else -a << 1)".format(
        "x for x in range(a) if g(x)"
    ),
]


def test_operators_constants_and_conditions_change_and_nothing_else():
    """No text, annotation, decorator or waiting time."""
    found = list(mutants_of("f.py", SOURCE))
    assert Counter(f"{m.before} -> {m.after}" for m in found) == Counter(CHANGES)
    whole = SOURCE.encode()
    for mutant in found:
        changed = mutant.applied(whole)
        ast.parse(changed)
        assert changed.replace(mutant.after.encode(), mutant.before.encode(), 1) != changed
    assert {m.scope for m in found} == {"module", "f"}
    twice = [m.ordinal for m in found if (m.before, m.after, m.scope) == ("1", "(2)", "f")]
    assert twice == [1, 2]


def test_places_are_drawn_by_the_seed_over_all_rooms():
    """More of a seed are those that fewer were, and more."""
    some, more = drawn(3, 20), drawn(3, 400)
    assert more[:20] == some != drawn(4, 20)
    rooms = {mutant.path.split("/")[1] for mutant in more}
    assert {"compiler", "core", "numeric", "flow", "cli", "cycles", "functional"} <= rooms
    assert {mutant.path.split("/")[0] for mutant in more} == {"accel", "sim", "boards"}


def test_each_mutant_has_a_name_of_its_own_and_the_listed_ones_are_there():
    names = [mutant.name for mutant in every_mutant()]
    assert len(set(names)) == len(names)
    assert equivalent().keys() <= set(names), "say anew which mutants are equivalent"
    assert all(equivalent().values())


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("accel/explore/front.py", "tests/explore/test_front.py"),
        ("sim/cycles/cycle_model.py", "tests/sim/cycles/test_cycle_model.py"),
        ("accel/cli/tables/matrix.py", "tests/cli/"),
        ("accel/compiler/operators/conv2d.py", "tests/"),  # which import it
        ("accel/api.py", "tests/"),
    ],
)
def test_the_nearest_test_comes_first(path, first):
    asked = stages(path)
    assert asked[0][0].startswith(first)
    named = [name for tests in asked for name in tests]
    assert all((ROOT / name).exists() for name in named)
    assert len(set(named)) == len(named)


def front(before: str, after: str) -> Mutant:
    """A change of a file whose tests are quick."""
    path = "accel/explore/front.py"
    data = (ROOT / path).read_bytes()
    begin = data.index(before.encode())
    return Mutant(path, 1, "f", begin, begin + len(before), before, after, 1)


@pytest.fixture
def only_near(monkeypatch):
    monkeypatch.setattr("tests.campaigns.mutating.spoiled.stages", lambda path: stages(path)[:1])


def test_a_mutant_is_caught_by_a_test_or_by_its_not_ending_or_survives(
    tmp_path, monkeypatch, only_near
):
    wrong = front("span > 0", "(span < 0)")
    endless = front("rank[left & ~beaten] = number", "rank[left & ~beaten] = -1")
    same = front("span > 0", "(0 < span)")
    monkeypatch.setattr("tests.campaigns.mutating.spoiled.HANGING_SECONDS", 4)
    results = Results(tmp_path / "results.json")
    assert list(judged([wrong, endless, same], results, tmp_path)) == [wrong, endless, same]
    tests = "tests/explore/test_front.py"
    verdict = results.known[wrong.name]
    assert (verdict.how, verdict.test.split("::")[0]) == ("failed", tests)
    verdict = results.known[endless.name]
    assert (verdict.how, verdict.test.split("::")[0]) == ("no end of", tests)
    assert str(results.known[same.name]) == "SURVIVED"
    # All is as it was, so that what has caught something passes.
    assert failing_anyway([wrong], results, tmp_path) == set()
    again = Results(tmp_path / "results.json")
    assert again.known == results.known
    assert list(judged([wrong, endless, same], again, tmp_path)) == []


def test_what_there_was_no_time_for_is_looked_at_again(tmp_path):
    results = Results(tmp_path / "results.json")
    results.keep("a", Verdict(None, UNFINISHED, 1.0))
    results.keep("b", Verdict(None, "SURVIVED", 1.0))
    assert set(Results(tmp_path / "results.json").known) == {"b"}


def test_a_test_that_fails_anyway_catches_nothing(tmp_path, monkeypatch, capsys):
    mutant, other = drawn(1, 2)
    path = tmp_path / "results.json"
    results = Results(path)
    results.keep(mutant.name, Verdict("tests/x.py::f", "failed", 1.0))
    results.keep(other.name, Verdict("tests/x.py::g", "failed", 1.0))
    monkeypatch.setattr(mutants, "failing_anyway", lambda *_: {"tests/x.py::f"})
    monkeypatch.setattr(mutants, "equivalent", dict)
    monkeypatch.setattr(sys, "argv", ["mutants", "--count", "2", "--results", str(path)])
    with pytest.raises(SystemExit) as ended:
        mutants.main()
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "fails without any change, so that it catches nothing: tests/x.py::f" in said
    assert "seed 1: caught 1 of 2" in said


def test_the_campaign_shows_a_case_and_counts_what_is_caught(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(Copy, "judge", lambda *_: Verdict("tests/x.py::f", "failed", 1.0))
    monkeypatch.setattr(Copy, "__init__", lambda *_: None)
    monkeypatch.setattr(mutants, "failing_anyway", lambda *_: set())
    monkeypatch.setattr(sys, "argv", ["mutants", "--seed", "5", "--case", "3"])
    with pytest.raises(SystemExit) as ended:
        mutants.main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"--- {drawn(5, 3)[-1].path}" in said
    assert "seed 5: caught 1 of 1" in said
