"""float32 functions of ONNX Runtime's kernels, compared with the runtime bit for bit."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from accel.numeric.elementwise.functions import FUNCTIONS
from accel.numeric.runtimes import mlas
from tests.support.oracles.onnx import onnx_runtime

RANDOM = np.random.default_rng(11)
NUMBERS = np.concatenate(
    [
        *(RANDOM.normal(0, spread, 20_000) for spread in (0.1, 1, 4)),
        [0, -0.0, 0.921875, np.nextafter(np.float32(0.921875), np.float32(1)), 3.925, -3.925, 1e30],
    ]
).astype(np.float32)


def _runtime(operator: str, x: np.ndarray) -> np.ndarray:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in "xy"]
    node = helper.make_node(operator, ["x"], ["y"])
    graph = helper.make_graph([node], "function", ports[:1], ports[1:])
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return onnx_runtime(model.SerializeToString(), {"x": x})[0]


def test_every_bit_of_the_error_function_is_the_runtimes():
    np.testing.assert_array_equal(mlas.erf(NUMBERS), _runtime("Erf", NUMBERS))


@pytest.mark.parametrize(("operator", "name"), [("Erf", "erf"), ("Gelu", "gelu")])
def test_functions_are_the_runtimes_where_numbers_nearly_cancel(operator, name):
    """All bits: of ``1 + erf`` few are left in float32, and a fine scale shows them."""
    found = FUNCTIONS[name](NUMBERS.astype(np.float64))
    np.testing.assert_array_equal(found.astype(np.float32), _runtime(operator, NUMBERS))
