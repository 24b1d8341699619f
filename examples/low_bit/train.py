"""Train networks of one and two bits on scikit-learn's digits, and write them as QONNX.

Three of FINN's TFC class, fully connected, and a small one of its CNV class, convolutional. Writes
NAME.onnx of each, and test_images.npz, beside this file.
"""

import argparse
from pathlib import Path

import numpy as np
from network import Bits, Network, convolutional, dense
from qonnx_file import write
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 3
TEST_FRACTION = 0.2
BATCH = 64
TFC = [64, 64, 64, 64, 10]
# Bits, Adam's rate, and whether images are shifted, which signs of pixels do not bear.
VARIANTS = {
    "tfc_w1a1": (dense, Bits(1, 1), 4e-3, False),
    "tfc_w1a2": (dense, Bits(1, 2), 2e-2, True),
    "tfc_w2a2": (dense, Bits(2, 2), 2e-2, True),
    "cnv_w2a2": (convolutional, Bits(2, 2), 2e-2, True),
}


def shifted(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move each image ``[8, 8]`` by up to a pixel."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    tops, lefts = random.integers(0, 3, (2, len(x)))
    pairs = zip(padded, tops, lefts, strict=True)
    return np.stack([image[top : top + 8, left : left + 8] for image, top, left in pairs])


def arranged(pixels: np.ndarray, network: Network) -> np.ndarray:
    """Real inputs -1 to 1, as the network wants them."""
    x = 2 * pixels - 1
    return x[..., np.newaxis] if network.layers[0].window else x.reshape(len(x), -1)


def accuracy(network: Network, pixels: np.ndarray, labels: np.ndarray) -> float:
    logits, _ = network.forward(arranged(pixels, network))
    return float((logits.argmax(axis=1) == labels).mean())


def trained(name: str, x: np.ndarray, labels: np.ndarray, epochs: int) -> Network:
    kind, bits, fastest, shift = VARIANTS[name]
    random = np.random.default_rng(SEED)
    network = dense(TFC, bits, random) if kind is dense else convolutional(bits, random)
    steps, done = epochs * (len(x) // BATCH), 0
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            rate = fastest * 0.5 * (1 + np.cos(np.pi * done / steps))
            images = shifted(x[chosen], random) if shift else x[chosen]
            network.train_step(arranged(images, network), labels[chosen], rate)
            done += 1
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=250)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    digits = load_digits()
    images = digits.images / 16
    x, test_x, labels, test_labels = train_test_split(
        images, digits.target, test_size=TEST_FRACTION, stratify=digits.target, random_state=SEED
    )
    for name in VARIANTS:
        network = trained(name, x, labels, options.epochs)
        print(f"{name}: {accuracy(network, test_x, test_labels):.4f} of {len(test_x)} test images")
        shape = (1, 8, 8) if network.layers[0].window else (64,)
        (options.output / f"{name}.onnx").write_bytes(write(network, shape, name))
    np.savez_compressed(
        options.output / "test_images.npz",
        x=test_x.astype(np.float32),
        y=test_labels.astype(np.uint8),
    )


if __name__ == "__main__":
    main()
