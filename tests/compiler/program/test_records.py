"""Records come back as they were, and nothing else is made of JSON."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from accel.compiler.operators import OPERATORS
from accel.compiler.operators.quantize import Quantize
from accel.compiler.program.records import BadDescription, _hints, decode, encode
from accel.numeric.rules.float_epilogue import Coder, EpilogueStep, FloatEpilogue


@dataclass(frozen=True, kw_only=True)
class Inner:
    values: tuple[float, ...]
    pair: tuple[int, str]


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner | None
    kind: Literal["a", "b"]
    on: bool
    counts: dict[str, int]
    array: np.ndarray | None = None


def through(kind: Any, value: Any) -> Any:
    """A value that was written and read."""
    binary = bytearray()

    def put(data: bytes) -> dict[str, int]:
        binary.extend(data)
        return {"offset": len(binary) - len(data), "size": len(data)}

    text = json.dumps(encode(value, put), allow_nan=False)
    get = lambda offset, size: bytes(binary[offset : offset + size])
    return decode(kind, json.loads(text), get, "it")


def test_records_come_back():
    inner = Inner(values=(0.1, float("inf"), -0.0), pair=(2**40, "x"))
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = through(Outer, Outer(inner=inner, kind="b", on=True, counts={"x": 3}, array=array))
    assert found.inner == inner
    assert (found.kind, found.on, found.counts) == ("b", True, {"x": 3})
    np.testing.assert_array_equal(found.array, array)
    assert found.array.dtype == array.dtype
    assert through(Outer, Outer(inner=None, kind="a", on=False, counts={})).inner is None


GOOD = {"inner": None, "kind": "a", "on": True, "counts": {}, "array": None}
ARRAY = {"dtype": "int8", "shape": [2, 3], "offset": 0, "size": 6}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "c"}, "it.kind cannot be 'c'"),
        ({"on": 1}, "it.on cannot be 1"),
        ({"counts": {"x": True}}, "it.counts.x cannot be True"),
        ({"counts": {"x": 10**30}}, "it.counts.x cannot be 1000"),
        ({"inner": {"values": [1], "pair": [1, "x"]}}, "it.inner.values[0] cannot be 1"),
        ({"inner": {"values": [], "pair": [1]}}, "it.inner.pair must have 2 entries, not 1"),
        ({"inner": {"values": []}}, "it.inner has no pair"),
        ({"more": 1}, "it has an unknown 'more'"),
        ({"array": ARRAY | {"dtype": "object"}}, "it.array.dtype cannot be 'object'"),
        ({"array": ARRAY | {"shape": [2, -3]}}, "it.array.shape cannot be -3"),
        ({"array": ARRAY | {"shape": [2**40] * 9}}, "it.array has 6 bytes for a shape of"),
        ({"array": ARRAY | {"dtype": "bool"}}, "it.array has bytes that are no truth values"),
    ],
)
def test_what_is_no_such_record_is_named(change, said):
    with pytest.raises(BadDescription) as caught:
        decode(Outer, GOOD | change, lambda offset, size: bytes(range(6)), "it")
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_attributes_of_every_operator_can_be_read(name):
    """Each field's type is one that a file can have: what no file names is a fault of ours."""
    kind = OPERATORS[name].attributes
    for field, hint in _hints(kind).items():
        with pytest.raises(BadDescription):
            decode(hint, object(), lambda offset, size: b"", field)


def test_a_float_epilogue_comes_back_with_its_arrays():
    step = EpilogueStep("multiply", (np.array([0.5, 2], np.float32),))
    coder = Coder(scale=0.1, zero_point=3, low=-8, high=7)
    rule = FloatEpilogue(np.array([0.1, 0.2]), np.array([1, -1]), (step,), coder)
    found = through(Quantize, Quantize(epilogue=rule)).epilogue
    sums = np.arange(-40, 40).reshape(-1, 2)
    np.testing.assert_array_equal(found.compute(sums), rule.compute(sums))
