"""How accurate a network is before and after quantization, and how far two runtimes agree."""

from dataclasses import dataclass
from typing import Any

import numpy as np

SOFTMAX_ERROR = 2.0**-21  # relative, of two runtimes' exponentials in float32


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What answers to the same samples have in common.

    ``accuracy`` is the share of samples whose largest value is that of their label, 0 to 1, by who
    answered; empty without labels. ``same_class`` is the share whose largest value is the float
    network's, and ``distance`` the root mean square difference from its values, as a share of their
    own root mean square. ``differing`` counts elements of our answers that are not the runtime's,
    and ``other_classes`` samples.
    """

    samples: int
    accuracy: dict[str, float]
    same_class: dict[str, float]
    distance: dict[str, float]
    elements: int
    differing: int
    other_classes: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "samples": self.samples,
            "accuracy": self.accuracy,
            "same_class_as_float32": self.same_class,
            "distance_from_float32": self.distance,
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
    quantized = [who for who in answers if who != FLOAT]
    theirs, ours = answers[RUNTIME], answers[OURS]
    differing = ours != theirs
    if softmax:
        differing = np.abs(ours - theirs) > SOFTMAX_ERROR * np.abs(theirs)
    return Measured(
        samples=len(ours),
        accuracy={} if y is None else {who: _share(c == y) for who, c in classes.items()},
        same_class={who: _share(classes[who] == classes[FLOAT]) for who in quantized},
        distance={who: _distance(answers[who], answers[FLOAT]) for who in quantized},
        elements=ours.size,
        differing=int(differing.sum()),
        other_classes=int((classes[OURS] != classes[RUNTIME]).sum()),
    )


def _share(right: np.ndarray) -> float:
    return float(right.mean())


def _distance(answer: np.ndarray, wanted: np.ndarray) -> float:
    wanted = wanted.astype(np.float64)
    size = np.sqrt((wanted**2).mean())
    return float(np.sqrt(((answer - wanted) ** 2).mean()) / size) if size else 0.0
