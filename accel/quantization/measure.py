"""How right a network's answers are before and after, and how far two runtimes agree."""

from dataclasses import dataclass
from typing import Any

import numpy as np

SOFTMAX_ERROR = 2.0**-21  # relative, of two runtimes' exponentials in float32


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What answers to the same samples have in common.

    ``accuracy`` is the share of samples whose largest value is that of their label, 0 to 1, by who
    answered; empty without labels. ``same_class`` is the share whose largest value is the float
    network's. ``differing`` counts elements of our answers that are not the runtime's, and
    ``other_classes`` samples.
    """

    samples: int
    accuracy: dict[str, float]
    same_class: dict[str, float]
    elements: int
    differing: int
    other_classes: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "samples": self.samples,
            "accuracy": self.accuracy,
            "same_class_as_float32": self.same_class,
            "elements": self.elements,
            "elements_differing_from_onnxruntime": self.differing,
            "classes_differing_from_onnxruntime": self.other_classes,
        }


FLOAT, RUNTIME, OURS = "float32", "int8_onnxruntime", "int8_accel"


def measure(answers: dict[str, np.ndarray], y: np.ndarray | None, softmax: bool) -> Measured:
    """Compare the answers ``[N, ...]`` of `FLOAT`, `RUNTIME` and `OURS`.

    ``softmax`` says that the network ends with one in float32, in which last bits may differ.
    """
    classes = {who: a.reshape(len(a), -1).argmax(axis=1) for who, a in answers.items()}
    theirs, ours = answers[RUNTIME], answers[OURS]
    differing = ours != theirs
    if softmax:
        differing = np.abs(ours - theirs) > SOFTMAX_ERROR * np.abs(theirs)
    return Measured(
        samples=len(ours),
        accuracy={} if y is None else {who: _share(c == y) for who, c in classes.items()},
        same_class={w: _share(c == classes[FLOAT]) for w, c in classes.items() if w != FLOAT},
        elements=ours.size,
        differing=int(differing.sum()),
        other_classes=int((classes[OURS] != classes[RUNTIME]).sum()),
    )


def _share(right: np.ndarray) -> float:
    return float(right.mean())
