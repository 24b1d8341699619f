"""Every TFLite operator alone, its input and output quantized independently, against TFLite Micro.

The reference and the machine answer as it does, for all codes; what it refuses is refused.
"""

import pytest

from accel.compiler.frontends.tflite import FRONTEND
from tests.campaigns.single_operators import case, guarded
from tests.drawn_operators import OPERATORS

EXAMPLES = 6  # of each operator, with nothing changed
CHANGED = 150  # of all operators, with fields that may contradict others
# What TFLite Micro refuses in most quantizations of input and output that are drawn.
PARTICULAR = {"SOFTMAX", "PADV2", "AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION", "LOGISTIC"}


@pytest.mark.parametrize("kind", OPERATORS)
def test_operators_answer_as_the_oracle_whatever_quantizes_their_ends(kind):
    examples = EXAMPLES * (3 if kind in PARTICULAR else 1)
    found = [guarded(case(number, (kind,), most=0)) for number in range(examples)]
    assert any(what.startswith(("equal", "accepted")) for what in found), found


def test_every_spelling_is_drawn():
    assert set(FRONTEND.operators) - set(OPERATORS) == {"LOG_SOFTMAX"}  # of float32 alone


def test_files_with_changed_fields_answer_as_the_oracle_or_are_refused():
    drawn = [case(number) for number in range(CHANGED)]
    found = [guarded(c) for c in drawn if c is not None and c.changes]
    assert sum(what.startswith("equal") for what in found) >= 15
    assert sum(what == "refused, and TFLite Micro runs" for what in found) <= len(found) // 2
