"""Sums, products and means of QDQ files are rounded as ONNX Runtime does it, codes or float32."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest

from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import FATAL_ONLY, one_by_one

STEP, ODD = 2.0**-5, -3
SHAPE = (2, 16, 16)


class Form(Draw):
    """A model with exact halves and an odd zero point of its output."""

    def __init__(self, dtype: type, of_codes: bool = False) -> None:
        super().__init__(np.random.default_rng(5))
        self.dtype_, self.codes_in = dtype, of_codes
        self.offset = 128 if dtype == np.uint8 else 0

    def points(self, scale: float, zero: int) -> list[str]:
        return [
            self.constant(scale, np.float32),
            self.constant(zero + self.offset, self.dtype_),
        ]

    def x(self) -> str:
        """Quantized numbers of an input."""
        name, q = f"x{len(self.ports)}", self.points(STEP, 5)
        self.ports[name] = SHAPE, np.dtype(self.dtype_ if self.codes_in else np.float32)
        codes = name if self.codes_in else self.add("QuantizeLinear", [name, *q])
        return self.add("DequantizeLinear", [codes, *q])

    def weight(self) -> str:
        return self.add(
            "DequantizeLinear",
            [self.constant(16 + self.offset, self.dtype_), *self.points(STEP, 0)],
        )

    def y(self, real: str, scale: float = 2.0**-3, zero: int = ODD) -> None:
        q = self.points(scale, zero)
        codes = self.add("QuantizeLinear", [real, *q])
        if self.codes_in:
            self.outputs[codes] = np.dtype(self.dtype_)
        else:
            self.outputs[self.add("DequantizeLinear", [codes, *q])] = np.dtype(np.float32)

    def inputs(self) -> dict[str, np.ndarray]:
        if self.codes_in:
            return super().inputs()
        draw = self.random.uniform
        return {n: draw(-4, 4, (8, *s)).astype(np.float32) for n, (s, _) in self.ports.items()}


def _two(f: Form, kind: str) -> None:
    f.y(f.add(kind, [f.x(), f.x()]))


def _itself(f: Form, kind: str) -> None:
    x = f.x()
    f.y(f.add(kind, [x, x]))


def _constant(f: Form, kind: str) -> None:
    f.y(f.add(kind, [f.x(), f.weight()]))


def _number(f: Form, kind: str) -> None:
    f.y(f.add(kind, [f.constant(0.5, np.float32), f.x()]), 2.0**-4)


def _read_twice(f: Form, kind: str) -> None:
    x = f.x()
    f.y(f.add(kind, [x, f.weight()]))
    f.y(f.add("Abs", [x]))


def _moved(f: Form, kind: str) -> None:
    x = f.add("Transpose", [f.x()], perm=[0, 2, 3, 1])
    f.y(f.add("Reshape", [f.add(kind, [x, f.weight()]), f.constant([1, -1], np.int64)]))


def _moved_by_other(f: Form, kind: str) -> None:
    """Flatten is none of those that quantizations are moved over."""
    f.y(f.add("Flatten", [f.add(kind, [f.x(), f.weight()])]))


def _clamped(f: Form, kind: str) -> None:
    f.y(f.add("Relu", [f.add(kind, [f.x(), f.weight()])]))


def _clamped_by_codes(f: Form, kind: str) -> None:
    f.y(f.add("Relu", [f.add(kind, [f.x(), f.weight()])]), zero=-128)


def _two_quantizations(f: Form, kind: str) -> None:
    result = f.add(kind, [f.x(), f.weight()])
    f.y(result)
    f.y(result, 2.0**-4)


def _after_nothing(f: Form, kind: str) -> None:
    f.y(f.add("Identity", [f.add(kind, [f.add("Identity", [f.x()]), f.weight()])]))


FORMS: tuple[Callable[[Form, str], None], ...] = (
    _two,
    _itself,
    _constant,
    _number,
    _read_twice,
    _moved,
    _moved_by_other,
    _clamped,
    _clamped_by_codes,
    _two_quantizations,
    _after_nothing,
)


@pytest.mark.parametrize("of_codes", [False, True], ids=["real", "codes"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("kind", ["Add", "Mul"])
@pytest.mark.parametrize("form", FORMS)
def test_it_is_computed_as_the_runtime_does(form, kind, dtype, of_codes, tmp_path):
    f = Form(dtype, of_codes)
    form(f, kind)
    graph, inputs = read(f.bytes(), "form.onnx"), f.inputs()
    found = run(graph, inputs)
    for name, answer in zip(graph.outputs, one_by_one(f.bytes(), inputs), strict=True):
        np.testing.assert_array_equal(found[name], answer)
    ours = [n.attributes.computed for n in graph if n.operator == kind.lower()]
    fused = _kinds(f.bytes(), tmp_path).count(f"QLinear{kind}")
    assert sum(computed != "float32" for computed in ours) == fused


def _kinds(model: bytes, folder) -> list[str]:
    """What ONNX Runtime makes of a model's operators at its highest level."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("shared", [False, True])
def test_means_are_rounded_before_the_zero_point_where_they_are_real(dtype, shared):
    f = Form(dtype)
    x = f.x()
    f.y(f.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2]), STEP)
    if shared:
        f.y(f.add("Abs", [x]))
    graph, inputs = read(f.bytes(), "mean.onnx"), f.inputs()
    found = run(graph, inputs)
    for name, answer in zip(graph.outputs, one_by_one(f.bytes(), inputs), strict=True):
        np.testing.assert_array_equal(found[name], answer)
