"""Refusals for size end with what was compiled, or say that nothing does; none contradicts it."""

import re
import shlex

import pytest

import accel
from accel import boards
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.config import AcceleratorConfig
from accel.errors import plain
from accel.explore.fit import remedy as module
from accel.explore.fit.core import core_remedy, nearest_core
from accel.explore.fit.remedy import kind_of, remedy
from accel.explore.work import described
from accel.target import resources
from tests.support.networks.small import Chain

KERNEL = Chain((1, 5, 5, 120)).convolution(3)
IMAGE = Chain((1, 60, 60, 4)).convolution(20)
HUGE = Chain((1, 400, 400, 4)).convolution(20)


@pytest.mark.parametrize("case", [(KERNEL, 0), (IMAGE, 1)], ids=["kernel", "image"])
def test_a_refusal_ends_with_a_call_that_works(case):
    chain, wide_sums = case
    graph = chain.graph()
    with pytest.raises((CannotCompile, DoesNotFit)) as caught:
        config = accel.configuration("icebreaker", wide_sums=wide_sums)
        accel.compile(graph, board="icebreaker", config=config)
    *_, said, call = str(caught.value).splitlines()
    assert "compiled just now" in said
    program = eval(call, {"accel": accel, "graph": graph})
    cycles = int(re.search(r"([\d,]+) cycles", said)[1].replace(",", ""))
    assert program.report().cycles == cycles


def test_where_the_board_has_none_the_smallest_other_that_has_one_is_named():
    graph = IMAGE.graph()
    config = resources.configure(boards.get("tinyfpga_bx"))
    none, said, call = remedy(graph, boards.get("tinyfpga_bx"), config).splitlines()
    assert none.startswith(
        "No configuration of tinyfpga_bx runs it: n0 (CONV2D): its output takes 72,000"
    )
    name = said.split()[0]
    assert eval(call, {"accel": accel, "graph": graph}).board == name
    smaller = [b for b in boards.BOARDS.values() if kind_of(b) != kind_of(boards.get(name))]
    assert name != "tinyfpga_bx"
    assert smaller


def test_where_no_board_has_one_that_is_said():
    board = boards.get("icebreaker")
    said = remedy(HUGE.graph(), board, resources.configure(board))
    assert said.startswith(
        "No configuration of icebreaker runs it: n0 (CONV2D): its output takes 3,200,000"
    )
    assert said.endswith("; nor does one of any other board")


def test_a_configuration_without_a_board_is_made_larger():
    graph, config = KERNEL.graph(), AcceleratorConfig(bank_words=256, weight_steps=512)
    with pytest.raises(CannotCompile) as caught:
        accel.compile(graph, config=config)
    *_, said, call = str(caught.value).splitlines()
    assert said == "With larger sizes it runs, compiled just now:"
    accel.compile(graph, config=eval(call, {"config": config}))


def test_a_search_begins_when_the_message_is_read_and_once(monkeypatch):
    calls = []
    monkeypatch.setattr("accel.api.remedy", lambda *a, **k: calls.append(a) or "something else")
    with pytest.raises(CannotCompile) as caught:
        accel.compile(IMAGE.graph(), board="icebreaker")
    assert not calls
    assert plain(caught.value) in str(caught.value)
    assert str(caught.value).endswith("something else")
    assert str(caught.value) and len(calls) == 1


def test_no_reason_of_size_guesses_a_remedy():
    """What one guess lifts another one lowers: only what was tried is said."""
    for chain in (KERNEL, IMAGE, HUGE):
        for name in ("icebreaker", "tinyfpga_bx", "ulx3s_12f"):
            config = resources.configure(boards.get(name)).replace(wide_sums=0)
            with pytest.raises((CannotCompile, DoesNotFit)) as caught:
                accel.compile(chain.graph(), config=config)
            reasons = getattr(caught.value, "reasons", caught.value.args)
            assert all(reason.limit and not reason.remedy for reason in reasons)
            assert all(r.limit.needed > r.limit.there for r in reasons if r.limit.kind != "form")


def test_a_sweep_does_not_search(monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr(module, "fit", never)
    monkeypatch.setattr("accel.api.remedy", never)
    from accel.explore.network import Network
    from accel.explore.point import Point
    from tests.cli.conftest import MODEL

    point = Point("icebreaker", (("bank_words", 256), ("flash_lanes", 0)))
    found = described(point, [Network.read(MODEL)])["networks"]["digits_int8"]
    assert found["problem"]


CORES = [
    ("icebreaker", {"columns": 8}),
    ("icebreaker", {"bank_words": 40000}),
    ("icebreaker", {"weight_steps": 8192}),
    ("ulx3s_25f", {"rows": 16, "columns": 16, "requantizers": 8}),
    ("fomu_pvt", {"flash_lanes": 4}),
    ("ulx3s_12f", {"bank_words": 65536, "weight_steps": 16384}),
    ("tinyfpga_bx", {"rows": 8, "columns": 12}),
]


@pytest.mark.parametrize(("name", "changes"), CORES, ids=str)
def test_a_core_that_does_not_fit_has_a_nearest_one_that_does(name, changes):
    board = boards.get(name)
    asked = resources.configure(board, **changes)
    assert resources.problems(asked, board)
    nearest = nearest_core(board, asked)
    resources.check_fits(nearest, board)
    *_, command = core_remedy(board, asked).splitlines()
    words = shlex.split(command)
    assert words[:4] == ["accel", "build", "--board", name]
    kept = [n for n in changes if getattr(nearest, n) == changes[n]]
    assert len(kept) < len(changes)


def test_a_remedy_is_the_same_every_time():
    board = boards.get("icebreaker")
    texts = {remedy(KERNEL.graph(), board, resources.configure(board)) for _ in range(2)}
    assert len(texts) == 1
