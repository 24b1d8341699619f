"""Measure how fast the executors are: inferences a second, and cycles a second of compiled RTL.

    python examples/speed/speed.py [MODEL X.npy] [--repeat N]

Without arguments it takes the digits network. Each figure is the median of N runs with the range.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

import accel

DIGITS = Path(__file__).resolve().parents[1] / "digits"


def measure(program: accel.Program, executor: str, x: np.ndarray, repeat: int) -> list[float]:
    """Seconds that each of ``repeat`` runs of the batch takes, after one that loads everything."""
    program.run(x[:1], executor)
    seconds = []
    for _ in range(repeat):
        begin = time.perf_counter()
        program.run(x, executor)
        seconds.append(time.perf_counter() - begin)
    return seconds


def line(name: str, amount: float, seconds: list[float], unit: str) -> str:
    """A figure as median and range."""
    rates = sorted(amount / s for s in seconds)
    median, least, most = statistics.median(rates), rates[0], rates[-1]
    return f"{name:<10} {median:>12,.0f} {unit}  ({least:,.0f} to {most:,.0f})"


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=DIGITS / "digits_int8.tflite")
    parser.add_argument("inputs", nargs="?")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()

    x = np.load(options.inputs) if options.inputs else np.load(DIGITS / "test_images.npz")["x"]
    program = accel.compile(options.model, config=accel.AcceleratorConfig())
    few = x[:10]
    print(f"{program.name}, {len(x)} samples, {options.repeat} runs")
    for executor in ("reference", "machine"):
        seconds = measure(program, executor, x, options.repeat)
        print(line(executor, len(x), seconds, "inferences/s"))
    seconds = measure(program, "rtl", few, options.repeat)
    print(line("rtl", len(few), seconds, "inferences/s"))
    print(line("rtl", len(few) * program.report().cycles_model, seconds, "cycles/s"))


if __name__ == "__main__":
    main()
