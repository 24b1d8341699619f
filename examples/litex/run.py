"""A core in a LiteX SoC reads handwritten digits: LiteX's Verilog in Icarus, led by accel's driver.

python examples/litex/run.py --count 3
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import accel
from accel.export.verilog.export import export
from accel.host.runner import run

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent / "digits"
CONFIG = accel.configuration(rows=2, columns=2, bank_words=8192, weight_steps=128)


class Simulated:
    """What the driver needs of a way to a core: here, a master on the bus of a simulated SoC."""

    def __init__(self, executable):
        self.process = subprocess.Popen(
            ["vvp", "-n", executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def write(self, data):
        self.process.stdin.write(b"".join(b"W%c" % byte for byte in data))

    def read(self, count, cycles=0):
        self.process.stdin.write(b"R\0" * count)
        self.process.stdin.flush()
        words = [self.process.stdout.readline().split() for _ in range(count)]
        return bytes(int(word[0], 16) for word in words if word and word != [b"--"])

    def discard(self):
        while self.read(1):
            pass

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def simulator(folder, config):
    """A simulator of a SoC with the core of that configuration, made in a folder."""
    from soc import CORE, write_soc

    core = export(config, folder / "core", bus="wishbone", testbench=False)
    source = core.folder / f"{core.facts.module}.v"
    soc = write_soc(source, folder)
    command = ["iverilog", "-g2012", f"-DCORE=32'h{CORE:08x}", "-s", "testbench", "-o", "soc.vvp"]
    subprocess.run([*command, HERE / "testbench.v", soc, source], cwd=folder, check=True)
    return folder / "soc.vvp"


def in_soc(program, samples):
    """What the core of a SoC answers to samples, and the cycles that it counts for the last one."""
    with tempfile.TemporaryDirectory() as folder:
        transport = Simulated(simulator(Path(folder), program.config))
        core = program.session.driven(transport)
        (answers,) = run(program.code, core, samples).values()
        transport.close()
    return answers, core.total.cycles


def main(count):
    """Read so many of the test images in the SoC, and compare with the machine."""
    with np.load(DIGITS / "test_images.npz") as archive:
        images, classes = archive["x"][:count], archive["y"][:count]
    with accel.compile(DIGITS / "digits_int8.tflite", config=CONFIG) as program:
        answers, cycles = in_soc(program, images)
        same = np.array_equal(answers, program.run(images, executor="machine").output)
    for answer, one in zip(answers, classes, strict=True):
        print(f"in the SoC a {answer.argmax()}, and it is a {one}")
    print(f"{answers.size} values, {'all' if same else 'NOT all'} the machine's; {cycles:,} cycles")
    return 0 if same else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1, help="images (%(default)s)")
    sys.exit(main(parser.parse_args().count))
