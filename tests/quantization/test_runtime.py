"""A session answers sample by sample, tells how far it is, and says what the runtime refuses."""

import numpy as np
import pytest

from accel.compiler.frontends import UnsupportedModel
from accel.quantization.runtime import Session
from tests.support.networks.onnx.floating import calibration, small
from tests.support.oracles.onnx import onnx_runtime


@pytest.mark.parametrize("count", [1, 5])
def test_answers_are_those_of_each_sample_and_each_is_told(count):
    told, x = [], calibration(count)
    model = small().bytes()
    answers = Session(model, "small.onnx").run(x, told.append)
    assert told == list(range(1, count + 1))
    expected = [onnx_runtime(model, {"x": sample[None]})[0] for sample in x]
    np.testing.assert_array_equal(answers, np.concatenate(expected))


def test_nobody_need_be_told():
    x = calibration(2)
    session = Session(small().bytes(), "small.onnx")
    np.testing.assert_array_equal(session.run(x), session.run(x, lambda count: None))


def test_what_the_runtime_refuses_names_the_file():
    with pytest.raises(UnsupportedModel, match=r"^broken\.onnx: "):
        Session(b"no model", "broken.onnx")


def test_a_sample_of_another_shape_names_the_file():
    session = Session(small().bytes(), "small.onnx")
    with pytest.raises(UnsupportedModel, match=r"^small\.onnx: "):
        session.run(calibration(1)[:, :1])
