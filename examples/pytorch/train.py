"""Train a small residual network on 8x8 digits in PyTorch and export it to ONNX.

Writes digits_float.onnx, calibration.npz and test.npz beside this file. Needs torch and
scikit-learn; what comes after needs neither.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED = 2
TEST_FRACTION = 0.2
CALIBRATION = 128  # images of the training set
OPSET = 17


def convolution(inputs: int, outputs: int) -> list[nn.Module]:
    """A 3x3 convolution and its batch normalization, which `accel quantize` folds into it."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """Two convolutions, whose result is added to what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = convolution(channels, channels), convolution(channels, channels)
        self.body = nn.Sequential(*first, nn.ReLU(), *second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.body(x))


class Digits(nn.Module):
    """Images ``[N, 1, 8, 8]`` of 0 to 1 to logits ``[N, 10]``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *convolution(1, 16),
            nn.ReLU(),
            Residual(16),
            nn.MaxPool2d(2),
            *convolution(16, 32),
            nn.ReLU6(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(32, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-2)
    batches = -(-len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=epochs * batches)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
    model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    torch.manual_seed(SEED)

    digits = load_digits()
    images = (digits.images[:, np.newaxis] / 16).astype(np.float32)
    x, test_x, y, test_y = train_test_split(
        images,
        digits.target,
        test_size=TEST_FRACTION,
        stratify=digits.target,
        random_state=SEED,
    )

    model = Digits()
    train(model, torch.from_numpy(x), torch.from_numpy(y), options.epochs)
    with torch.no_grad():
        answers = model(torch.from_numpy(test_x)).argmax(dim=1).numpy()
    print(f"float32: {(answers == test_y).mean():.4f} of {len(test_y)} test images")

    torch.onnx.export(
        model,
        torch.zeros(1, 1, 8, 8),
        options.output / "digits_float.onnx",
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,  # True needs the packages onnx and onnxscript; `accel quantize` takes both
    )
    np.savez_compressed(options.output / "calibration.npz", x=x[:CALIBRATION])
    np.savez_compressed(options.output / "test.npz", x=test_x, y=test_y.astype(np.uint8))


if __name__ == "__main__":
    main()
