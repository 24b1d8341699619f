"""The digits network answers as it should, whatever it runs on."""

from pathlib import Path

import numpy as np
import pytest

DIGITS = Path(__file__).resolve().parents[2] / "digits"
SAMPLES = 2


@pytest.fixture(scope="module")
def program(accel_compile):
    return accel_compile(DIGITS / "digits_int8.tflite", board="icebreaker")


@pytest.fixture(scope="module")
def images():
    with np.load(DIGITS / "test_images.npz") as archive:
        return archive["x"][:SAMPLES], archive["y"][:SAMPLES]


def test_digits_are_read(program, images, accel_assert_accuracy):
    accel_assert_accuracy(program, *images, at_least=1.0)


def test_every_layer_equals_the_reference(program, images, accel_run, accel_assert_same):
    x, _ = images
    accel_assert_same(accel_run(program, x, layers=True), program.run(x, "reference", layers=True))


def test_answers_are_those_of_the_golden_file(program, images, accel_run, accel_assert_golden):
    x, _ = images
    golden = Path(__file__).with_name("golden") / "digits.npz"
    accel_assert_golden(accel_run(program, x, layers=True), golden)


def test_an_inference_takes_at_most_10_000_cycles(program, accel_assert_cycles):
    accel_assert_cycles(program, most=10_000)
