"""Reasons have one grammar, and what holds for several places is said once."""

import re

import pytest

from accel.compiler.diagnostics import LISTED, SHOWN, Reason, grouped, listing, together
from accel.compiler.frontends import FRONTENDS
from accel.compiler.frontends._unsupported import _NEAR, LIST, near


def test_one_reason_is_said_once_with_the_operators_it_holds_for():
    reasons = [
        Reason(place=f"operator {n} (MEAN)", what="has an odd axis", remedy="reduce others")
        for n in (3, 5, 7)
    ]
    other = Reason(place="tensor 'a'", what="is stored sparsely")
    assert listing("m.tflite", [*reasons, other]) == (
        "m.tflite: cannot be used, for 2 reasons:\n"
        "  operators 3, 5 and 7 (MEAN): each has an odd axis; reduce others\n"
        "  tensor 'a': is stored sparsely"
    )
    assert listing("m.tflite", reasons[:1]) == (
        "m.tflite: operator 3 (MEAN): has an odd axis; reduce others"
    )


def test_a_long_list_of_reasons_is_cut_and_counted():
    reasons = [Reason(place="", what=f"has fault {n}") for n in range(LISTED + 2)]
    lines = listing("m", reasons).splitlines()
    assert len(lines) == LISTED + 2
    assert lines[-1] == "  and 2 more"


def test_reasons_that_differ_stay_apart_and_in_order():
    reasons = [
        Reason(place="operator 0 (ADD)", what="is odd"),
        Reason(place="operator 1 (ADD)", what="is odd", remedy="even it"),
        Reason(place="operator 2 (ADD)", what="is odd"),
    ]
    first, second = grouped(reasons)
    assert str(first) == "operators 0 and 2 (ADD): each is odd"
    assert second == reasons[1]


@pytest.mark.parametrize(
    ("places", "text"),
    [
        (["operator 3 (MEAN)"], "operator 3 (MEAN)"),
        (
            ["operator 1 (A)", "operator 2 (B)", "operator 4 (A)"],
            "operators 1 and 4 (A) and operator 2 (B)",
        ),
        (["tensor 'a'", "tensor 'it\\'s'"], "tensors 'a' and 'it\\'s'"),
        (["input 'x'", "output 'y'"], "input 'x' and output 'y'"),
        (["conv (conv2d)", "layer"], "conv (conv2d) and layer"),
    ],
)
def test_places_are_told_together_by_their_kinds(places, text):
    assert together(places) == text


def test_of_many_places_the_first_are_named_and_the_others_counted():
    text = together([f"operator {n} (PAD)" for n in range(SHOWN + 5)])
    assert text == "operators 0, 1, 2, 3, 4, 5, 6, 7 and 5 more (PAD)"


def test_a_remedy_names_only_operators_that_the_format_has():
    for frontend in FRONTENDS.values():
        for kinds, *_ in _NEAR:
            for kind in set(kinds) - set(frontend.operators):
                text = near(kind, frontend.operators)
                assert text.endswith(LIST)
                shown = text.removesuffix(LIST).partition(" with ")[2] or text.partition(" by ")[2]
                for word in re.findall(r"[A-Za-z_0-9]{3,}", shown.partition(";")[0]):
                    if word.isupper() or word[0].isupper():
                        assert word in frontend.operators
