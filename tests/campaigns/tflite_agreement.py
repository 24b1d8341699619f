"""Prints how far cores agree with TFLite Micro on third-party networks, on all samples that there
are.

Labelled data also give the accuracy of our answers and of the oracle's.

python -m tests.campaigns.tflite_agreement
"""

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import accel
from accel.numeric import affine
from tests.support.networks.third_party_tflite import LIVE, RECORDED, recorded, spectra
from tests.support.oracles.accuracy import accuracy
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared

RTL_SAMPLES = 3
COLUMNS = ("model", "cycles", "machine", "RTL", "RTL's cycles", "accuracy", "the oracle's")
LABELLED = {"kws01": "kws01", "vww01": "vww01", "ic01": "ic01", "ad01": "ad01", "cifar10": "ic01"}
LABELLED |= dict.fromkeys(("mnist_arduino", "mnist_rect", "mnist_valid", "lenet"), "mnist")
LABELLED |= {"ToyCar": "ad01"}


def main() -> None:
    title = "Outputs that differ from TFLite Micro's, and cycles from the model's"
    table = Table(*COLUMNS, title=title)
    for name in track([*RECORDED, *LIVE], transient=True):
        path = shared(f"models/{name}.tflite")
        if name in RECORDED:
            inputs, expected = recorded(name, len(RECORDED[name]()))
        else:
            inputs = LIVE[name]()
            expected = tflm(path.read_bytes(), inputs)
        program = accel.compile(path, board="icebreaker")
        machine = program.run(inputs, "machine").output
        rtl = program.run(inputs[:RTL_SAMPLES], "rtl")
        cycles = sum(abs(layer.cycles - layer.cycles_model) for layer in rtl.report.layers)
        table.add_row(
            name.split("/")[1],
            f"{rtl.report.cycles:,}",
            f"{int((machine != expected).sum())} of {expected.size:,}",
            f"{int((rtl.output != expected[:RTL_SAMPLES]).sum())} of {rtl.output.size:,}",
            str(cycles),
            *(f"{value:.4f}" for value in _accuracies(program, name, (machine, expected))),
        )
        program.close()
    Console(width=130).print(table)


def _accuracies(program: accel.Program, name: str, answers: tuple[np.ndarray, ...]) -> list[float]:
    found = [data for part, data in LABELLED.items() if part in name]
    if not found:
        return []
    if found[0] == "ad01" and answers[0].dtype == np.int8:
        graph = program.code.graph
        q = graph.tensor(graph.outputs[0]).quantization
        answers = tuple(affine.dequantize(a, q.scale[0], q.zero_point[0]) for a in answers)
    return [accuracy(found[0], spectra() if found[0] == "ad01" else a, a) for a in answers]


if __name__ == "__main__":
    main()
