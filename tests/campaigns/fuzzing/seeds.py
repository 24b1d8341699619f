"""The valid files that a campaign spoils: small, of every operator, by our own writers.

Third-party networks join them where they lie beside the project.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from accel.compiler.tflite_export.writer import write
from tests.cli.test_onnx import network
from tests.compiler.frontends.tflite import test_reader
from tests.support.networks.onnx import moves, operators, single
from tests.support.networks.onnx.edits import small_model
from tests.support.networks.single_operators import SINGLE_OPERATOR_GRAPHS
from tests.support.networks.tflite import typical
from tests.support.shared import DATA

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits/digits_int8.tflite"
THIRD_PARTY = (
    "tflm/hello_world_int8.tflite",
    "tflm/micro_speech_quantized.tflite",
    "cfu/magic_wand.tflite",
    "tinymaix/mnist_valid_q.tflite",
    "tinymaix/mnist_arduino_q.tflite",
    "onnx_ortq/mnist8_qop_u8u8_pt.onnx",
    "onnx_ortq/mnist8_qdq_u8s8_pt.onnx",
)
DISCARDED = 3  # drawn examples for each that is kept: the first ones are the simplest


@cache
def seeds(examples: int, third_party: bool) -> Mapping[str, Mapping[str, bytes]]:
    """Return by format and name the files; ``examples`` of each operator, networks as many times
    4."""
    found: dict[str, dict[str, bytes]] = {"tflite": {}, "onnx": {}}
    for name, strategy in SINGLE_OPERATOR_GRAPHS.items():
        found["tflite"] |= _drawn(name, strategy, examples, write)
    found["tflite"] |= _drawn("network", typical.networks(), 4 * examples, write)
    for name, strategy in operators.MODELS.items():
        found["onnx"] |= _drawn(name, strategy, examples, lambda model: model.bytes())
    kinds = len({*single.KINDS})
    for index in range(examples * kinds):
        name, model = single.drawn(7, index)
        found["onnx"][f"one {name} {index}"] = model.bytes()
    networks = moves.networks()
    found["onnx"] |= _drawn("network", networks, 4 * examples, lambda model: model.bytes())
    found["tflite"] |= {"small": test_reader.small_model(), "digits": DIGITS.read_bytes()}
    found["onnx"] |= {
        "small": small_model().SerializeToString(),
        "qdq": network().bytes(),
    }
    for name in THIRD_PARTY if third_party else ():
        path = DATA / "models" / name
        if path.exists():
            found[path.suffix[1:]][path.stem] = path.read_bytes()
    return found


def _drawn(
    name: str, strategy: st.SearchStrategy, count: int, data: Callable[[Any], bytes]
) -> dict[str, bytes]:
    """Some examples of a strategy, the same in each run."""
    drawn: list[bytes] = []

    @seed(7)
    @settings(
        max_examples=count * DISCARDED,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: Any) -> None:
        drawn.append(data(value))

    draw()
    return {f"{name} {i}": model for i, model in enumerate(drawn[DISCARDED - 1 :: DISCARDED])}
