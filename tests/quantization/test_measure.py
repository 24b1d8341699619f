"""Figures of answers that are known."""

import numpy as np
import pytest

from accel.quantization.measure import FLOAT, OURS, RUNTIME, SOFTMAX_ERROR, measure

WANTED = np.array([[1, 2, 3], [3, 2, 1], [0, 5, 1], [4, 4.5, 4]], np.float32)


def answers(ours: np.ndarray, theirs: np.ndarray = WANTED) -> dict[str, np.ndarray]:
    return {FLOAT: WANTED, RUNTIME: theirs, OURS: ours}


def test_shares_and_counts():
    ours = WANTED.copy()
    ours[0, 0], ours[3, 0] = 9, 4.25  # one that changes the class, one that does not
    found = measure(answers(ours), np.array([2, 0, 1, 0]), softmax=False)
    assert found.accuracy == {FLOAT: 0.75, RUNTIME: 0.75, OURS: 0.5}
    assert found.same_class == {RUNTIME: 1.0, OURS: 0.75}
    assert (found.samples, found.elements, found.differing, found.other_classes) == (4, 12, 2, 1)
    assert found.distance[RUNTIME] == 0
    expected = np.sqrt((8**2 + 0.25**2) / (WANTED.astype(float) ** 2).sum())
    assert found.distance[OURS] == pytest.approx(expected)


def test_last_bits_of_a_softmax_are_not_counted_and_of_others_are():
    close = WANTED * np.float32(1 + SOFTMAX_ERROR / 2)
    assert measure(answers(close), None, softmax=True).differing == 0
    assert measure(answers(close), None, softmax=False).differing == 11  # all but the 0
    far = WANTED * np.float32(1 + 4 * SOFTMAX_ERROR)
    assert measure(answers(far), None, softmax=True).differing == 11
    assert measure(answers(far), None, softmax=True).accuracy == {}
