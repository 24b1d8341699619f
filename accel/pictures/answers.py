"""What a network answered, for people: classes in their order, and how many are right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel.compiler.ir.graph import Graph, Tensor

TOP = 3  # classes that are shown of a sample
SHOWN = 10  # samples that are shown
_CLASSIFIERS = {"softmax", "log_softmax", "arg_max"}  # what only a classifier ends with


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Values of all classes, float64 ``[N, classes]``, and what is known of them.

    ``chosen`` are the classes that the network decided for, int64 ``[N]``; ``labels`` the true
    ones; ``names`` those of all classes.
    """

    values: np.ndarray
    chosen: np.ndarray
    labels: np.ndarray | None = None
    names: Sequence[str] | None = None

    @property
    def classes(self) -> int:
        return int(self.values.shape[1])

    @property
    def right(self) -> int | None:
        """How many samples got their true class."""
        return None if self.labels is None else int((self.chosen == self.labels).sum())

    @property
    def accuracy(self) -> float | None:
        """The share of them, 0 to 1."""
        return None if self.right is None else self.right / len(self.chosen)

    def within(self, count: int) -> float | None:
        """The share of samples whose true class is among the ``count`` best."""
        if self.labels is None:
            return None
        best = self._best(slice(None))[:, :count]
        return float((best == self.labels[:, np.newaxis]).any(axis=1).mean())

    def name(self, index: int) -> str:
        """What a class is called; its number, where nobody said."""
        return str(index) if index >= len(self.names or ()) else (self.names or ())[index]

    def top(self, sample: int, count: int = TOP) -> list[tuple[int, float]]:
        """The best classes of a sample with their values, the best first."""
        best = self._best(slice(sample, sample + 1))[0, :count]
        return [(int(index), float(self.values[sample, index])) for index in best]

    def of_each_class(self) -> list[tuple[int, int, int]]:
        """Each class that a sample has, how many have it, and how many of these are right."""
        if self.labels is None:
            return []
        return [
            (int(one), int(own.sum()), int((self.chosen[own] == one).sum()))
            for one in np.unique(self.labels)
            if (own := self.labels == one).any()
        ]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; ``answers`` are the classes of all samples."""
        return {
            "classes": self.classes,
            "class_names": None if self.names is None else list(self.names),
            "answers": self.chosen.tolist(),
            "labels": None if self.labels is None else self.labels.tolist(),
            "right": self.right,
            "accuracy": None if self.accuracy is None else round(self.accuracy, 6),
            "top": [
                [{"class": index, "value": round(value, 6)} for index, value in self.top(sample)]
                for sample in range(min(SHOWN, len(self.chosen)))
            ],
        }

    def _best(self, samples: slice) -> np.ndarray:
        """Classes from the best down; of equal ones the first, as ``argmax`` takes it."""
        return np.argsort(-self.values[samples], axis=1, kind="stable")


def classes_of(tensor: Tensor) -> int | None:
    """How many classes an output tells apart; None where it is no row of one value for each.

    An output that is a class itself, as ARG_MAX gives it, tells nothing of the others: 0.
    """
    sizes = [size for size in tensor.shape[1:] if size != 1]
    if tensor.dtype in ("int32", "int64"):
        return None if sizes else 0
    return sizes[0] if len(sizes) == 1 else None


def answers_of(
    tensor: Tensor,
    output: np.ndarray,
    labels: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Answers | None:
    """The answers of an output ``[N, ...]`` of the tensor; None where it is no row of classes."""
    classes = classes_of(tensor)
    if classes is None:
        return None
    codes = output.reshape(-1, tensor.size)  # also where the file's shape has no batch
    if not classes:
        chosen = codes[:, 0].astype(np.int64)
        count = max(int(chosen.max()), -1 if labels is None else int(labels.max())) + 1
        values = np.zeros((len(chosen), max(count, len(names or ()))))
        values[np.arange(len(chosen)), chosen] = 1.0
        return Answers(values=values, chosen=chosen, labels=labels, names=names)
    values = real(tensor, codes)
    return Answers(values=values, chosen=codes.argmax(axis=1), labels=labels, names=names)


def answers_of_classifier(graph: Graph, outputs: Mapping[str, np.ndarray]) -> Answers | None:
    """The answers of a network that ends with a function of classes; None of any other."""
    name = graph.outputs[0]
    makers = [node.operator for node in graph if name in node.outputs]
    if not _CLASSIFIERS & {*makers}:
        return None
    return answers_of(graph.tensor(name), outputs[name])


def real(tensor: Tensor, codes: np.ndarray) -> np.ndarray:
    """The numbers, float64, that the codes of a tensor stand for."""
    q = tensor.quantization
    if q is None or codes.dtype.kind == "f":
        return codes.astype(np.float64)
    zero_point, scale = np.array(q.zero_point), np.array(q.scale)
    return (codes.astype(np.float64) - zero_point) * scale


def summaries(tensors: Mapping[str, Tensor], outputs: Mapping[str, np.ndarray]) -> list[list[str]]:
    """For each output: its name, type, shape, and the least, mean and greatest of its numbers."""
    rows = []
    for name, data in outputs.items():
        numbers = real(tensors[name], data)
        shape = "x".join(map(str, data.shape))
        figures = (numbers.min(), numbers.mean(), numbers.max())
        rows.append([name, str(data.dtype), shape, *(f"{figure:.4g}" for figure in figures)])
    return rows
