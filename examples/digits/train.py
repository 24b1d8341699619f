"""Train the digits network, quantize it to int8 and to int4 weights, and measure all three.

Writes digits_int8.tflite, digits_int4.tflite and test_images.npz beside this file.
"""

import argparse
from pathlib import Path

import numpy as np
from network import Params, forward, initial_params, train
from quantization import input_codes, quantize, rounded
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from accel.compiler.graph import interpreter as reference
from accel.compiler.ir.graph import Graph
from accel.compiler.tflite_export.writer import write

SEED = 2
TEST_FRACTION = 0.2


def float_accuracy(params: Params, x: np.ndarray, labels: np.ndarray) -> float:
    return float((forward(params, x)[-1].argmax(axis=1) == labels).mean())


def accuracy(graph: Graph, codes: np.ndarray, labels: np.ndarray) -> float:
    probabilities = reference.run(graph, codes)[graph.outputs[0]]
    return float((probabilities.argmax(axis=1) == labels).mean())


def oracle_accuracy(model: bytes, codes: np.ndarray, labels: np.ndarray) -> float | None:
    """As TFLite Micro runs the file; None where it is not installed."""
    try:
        from tflite_micro.python.tflite_micro.runtime import Interpreter
    except ImportError:
        return None
    interpreter, right = Interpreter.from_bytes(model, arena_size=2**20), 0
    for image, label in zip(codes, labels, strict=True):
        interpreter.set_input(image[np.newaxis], 0)
        interpreter.invoke()
        right += int(interpreter.get_output(0).argmax() == label)
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()

    digits = load_digits()
    split = train_test_split(
        digits.images[..., np.newaxis],
        digits.target,
        test_size=TEST_FRACTION,
        stratify=digits.target,
        random_state=SEED,
    )
    train_pixels, test_pixels, train_labels, test_labels = split
    x, test_x = train_pixels / 16, test_pixels / 16
    random = np.random.default_rng(SEED)

    params = initial_params(random)
    params = train(params, x, train_labels, random, options.epochs, rate=4e-3)
    print(f"float32: {float_accuracy(params, test_x, test_labels):.4f}")

    def int4(p: Params) -> Params:
        return rounded(p, "int4")

    tuned = train(params, x, train_labels, random, options.epochs // 2, 1e-3, quantized=int4)
    codes = input_codes(test_pixels)
    for dtype, trained in (("int8", params), ("int4", tuned)):
        graph = quantize(trained, x, dtype)
        model = write(graph)
        (options.output / f"{graph.name}.tflite").write_bytes(model)
        ours = accuracy(graph, codes, test_labels)
        theirs = oracle_accuracy(model, codes, test_labels)
        print(f"{dtype} weights: {ours:.4f} (TFLite Micro: {theirs}), {len(model)} bytes")
    np.savez_compressed(options.output / "test_images.npz", x=codes, y=test_labels.astype(np.uint8))


if __name__ == "__main__":
    main()
