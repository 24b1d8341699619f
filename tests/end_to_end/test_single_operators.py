"""Every TFLite operator alone, its input and output quantized independently, against TFLite Micro.

The reference and the machine answer as it does, for all codes; what it refuses is refused.
"""

import numpy as np
import pytest

from accel.compiler.frontends.tflite.reader import FRONTEND
from tests.campaigns.single_operators import Case, case, guarded
from tests.support.networks.tflite.drawn_operators import OPERATORS
from tests.support.networks.tflite.files import File

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
    of_tensors = {spelling for spelling, ours in FRONTEND.operators.items() if ours}
    assert of_tensors - set(OPERATORS) == {"LOG_SOFTMAX"}  # of float32 alone


def test_files_with_changed_fields_answer_as_the_oracle_or_are_refused():
    drawn = [case(number) for number in range(CHANGED)]
    found = [guarded(c) for c in drawn if c is not None and c.changes]
    assert sum(what.startswith("equal") for what in found) >= 15
    assert sum(what == "refused, and TFLite Micro runs" for what in found) <= len(found) // 2


SHAPE, OTHER = (1, 4, 4, 4), {"scale": 0.02, "zero_point": -77}


def layer(f, source, shape, x_scale, output):
    """A convolution of nine taps, into as many channels and positions."""
    random, channels = np.random.default_rng(len(f.graph.tensors)), shape[-1]
    weights = random.integers(-127, 128, (channels, 3, 3, channels))
    w = f.constant(weights, "int8", scale=0.01)
    b = f.constant(random.integers(-500, 500, channels), scale=x_scale * 0.01)
    y = f.tensor(shape, **output)
    window = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    return f.operator("CONV_2D", [source, w, b], [y], "Conv2DOptions", **window)


MOVES = {  # constants after the input, the output's shape, options and their fields
    "PAD": ([[[0, 0], [1, 1], [1, 1], [0, 0]]], (1, 6, 6, 4), "PadOptions", {}),
    "TRANSPOSE": ([[0, 2, 1, 3]], SHAPE, "TransposeOptions", {}),
    "RESHAPE": ([[1, 2, 8, 4]], (1, 2, 8, 4), "ReshapeOptions", {}),
    "SLICE": ([[0, 1, 0, 0], [1, 3, 4, 4]], (1, 3, 4, 4), "SliceOptions", {}),
    "SPACE_TO_DEPTH": ([], (1, 2, 2, 16), "SpaceToDepthOptions", {"blockSize": 2}),
    "RESIZE_NEAREST_NEIGHBOR": ([[8, 8]], (1, 8, 8, 4), "ResizeNearestNeighborOptions", {}),
    "GATHER": ([[3, 0, 1]], (1, 3, 4, 4), "GatherOptions", {"axis": 1}),
    "RELU6": ([], SHAPE, "", {}),
}


@pytest.mark.parametrize("kind", [*MOVES, "MAXIMUM", "MINIMUM"])
def test_codes_between_layers_are_taken_for_other_numbers_as_the_oracle_takes_them(kind):
    """Where layers are fused, pads folded and copies left out, the second layer sees its own
    codes."""
    f, moved = File(), {"scale": 0.3, "zero_point": 41}
    before = layer(
        f, f.input(SHAPE, **OTHER), SHAPE, OTHER["scale"], {"scale": 0.1, "zero_point": 9}
    )
    if kind in MOVES:
        constants, shape, options, fields = MOVES[kind]
        inputs = [before, *(f.constant(values) for values in constants)]
    else:
        shape, options, fields = SHAPE, "MaximumMinimumOptions", {}
        beside = layer(
            f, f.graph.inputs[0], SHAPE, OTHER["scale"], {"scale": 0.2, "zero_point": -5}
        )
        inputs = [before, beside]
    y = f.operator(kind, inputs, [f.tensor(shape, **moved)], options, **fields)
    f.ends(layer(f, y, shape, moved["scale"], {"scale": 0.7, "zero_point": 3}))
    assert guarded(Case(kind, f, (), f.inputs(np.random.default_rng(0)))) == "equal"
