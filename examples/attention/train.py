"""Train the transformer for digits, quantize it to int8, and measure both.

Writes attention_int8.tflite beside this file. The images are those of ../digits.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformer import FEATURES, HEADS, TOKENS, WIDTH, Params, Pass, initial_params, train

from accel.compiler.graph import interpreter as reference
from accel.compiler.ir.graph import Graph, Quantization, Tensor
from accel.compiler.operators.add import Add
from accel.compiler.operators.batch_matmul import BatchMatmul
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax
from accel.compiler.tflite_export.writer import write

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "digits"))
from assembly import Assembly, activation_quantization
from quantization import INPUT, SOFTMAX_OUTPUT, input_codes

SEED = 2
TEST_FRACTION = 0.2  # and the seed: the split of ../digits


class Transformer(Assembly):
    """The quantized network: ranges of its tensors are those of a pass over calibration images."""

    def __init__(self, params: Params, values: dict[str, np.ndarray]):
        super().__init__("image", (1, TOKENS, TOKENS, 1), INPUT)
        self.params, self.values = params, values

    def _range(self, name: str) -> Quantization:
        """No zero point is 0: products are to subtract them all."""
        values = self.values[name]
        q = activation_quantization(values)
        return (
            q if q.zero_point[0] else activation_quantization(np.append(values, 1.1 * values.min()))
        )

    def dense(self, name: str, source: str, activation: str = "none") -> None:
        self.last = self.tensors[source]
        pair = self.params[f"{name}.weights"], self.params[f"{name}.bias"]
        names = self.constants(name, pair, "int8")
        shape = (*self.last.shape[:-1], len(pair[1]))
        attributes = FullyConnected(activation=activation)
        self.node(name, "fully_connected", attributes, shape, self._range(name), names)

    def sum(self, name: str, first: str, second: str) -> None:
        self.last = self.tensors[first]
        self.node(name, "add", Add(), (1, TOKENS, FEATURES), self._range(name), (second,))

    def positions(self) -> None:
        values = self.params["positions"][None]
        q = activation_quantization(values)
        codes = np.round(values / q.scale[0]) + q.zero_point[0]
        data = np.clip(codes, -128, 127).astype(np.int8)
        self.tensors["positions"] = Tensor(
            name="positions", shape=data.shape, dtype="int8", quantization=q, data=data
        )

    def head(self, head: int, q: Quantization) -> None:
        for part in "qkv":
            self.dense(f"{part}{head}", "tokens")
        scores, square = f"scores{head}", (1, TOKENS, TOKENS)
        self.last = self.tensors[f"q{head}"]
        by_keys = BatchMatmul(transpose_second=True)
        self.node(scores, "batch_matmul", by_keys, square, self._range(scores), (f"k{head}",))
        self.node(f"shares{head}", "softmax", Softmax(), square, SOFTMAX_OUTPUT)
        shape = (1, TOKENS, WIDTH)
        self.node(f"taken{head}", "batch_matmul", BatchMatmul(), shape, q, (f"v{head}",))

    def network(self) -> Graph:
        self.node("rows", "reshape", Reshape(), (1, TOKENS, TOKENS), self.quantization)
        self.dense("embedding", "rows")
        self.positions()
        self.sum("tokens", "embedding", "positions")
        together = self._range("together")
        for head in range(HEADS):
            self.head(head, together)
        self.last = self.tensors["taken0"]
        others = tuple(f"taken{head}" for head in range(1, HEADS))
        shape = (1, TOKENS, FEATURES)
        self.node("together", "concatenation", Concatenation(axis=2), shape, together, others)
        self.dense("heads", "together")
        self.sum("middle", "tokens", "heads")
        self.dense("wide", "middle", "relu")
        self.dense("narrow", "wide")
        self.sum("end", "middle", "narrow")
        mean = ReduceMean(axes=(1,), keep=False)
        self.node("mean", "mean", mean, (1, FEATURES), self._range("mean"))
        self.dense("logits", "mean")
        self.node("probabilities", "softmax", Softmax(), self.last.shape, SOFTMAX_OUTPUT)
        return self.graph("attention_int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()

    digits = load_digits()
    pixels, test_pixels, labels, test_labels = train_test_split(
        digits.images,
        digits.target,
        test_size=TEST_FRACTION,
        stratify=digits.target,
        random_state=SEED,
    )
    random = np.random.default_rng(SEED)
    params = train(initial_params(random), pixels / 16, labels, random, options.epochs)
    found = Pass(params, test_pixels / 16).logits.argmax(axis=1)
    print(f"float32: {(found == test_labels).mean():.4f}")

    graph = Transformer(params, Pass(params, pixels / 16).values).network()
    model = write(graph)
    (options.output / f"{graph.name}.tflite").write_bytes(model)
    codes = input_codes(test_pixels)[..., None]
    answers = reference.run(graph, codes)["probabilities"].argmax(axis=1)
    print(f"int8: {(answers == test_labels).mean():.4f}, {len(model):,} bytes")


if __name__ == "__main__":
    main()
