"""What programs are made of stays as it is: how layers are walked, where all lies, and every byte.

A change of the compiler that is meant shows here what it changes: make the golden file anew with
--update-golden, and look at the cycles.
"""

import zlib

import pytest

import accel
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.operators.add import Add
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.pad import Pad
from accel.compiler.program.program import CoreProgram
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.sim.cycles.cycle_model import predict
from tests.end_to_end.test_digits import DIGITS
from tests.support.networks.small import SUMS, Chain
from tests.support.networks.tflite.operators import per_tensor

CORES = {
    "icebreaker": accel.configuration("icebreaker"),
    "ulx3s_85f": accel.configuration("ulx3s_85f"),
    "3x5": AcceleratorConfig(rows=3, columns=5, bank_words=4096),
    "8x4, 2 requantizers": AcceleratorConfig(rows=8, columns=4, requantizers=2, bank_words=2048),
    "4x4 of 1024 words and a flash": AcceleratorConfig(bank_words=1024, flash_lanes=4),
    "2x4 of 1920 words and a flash of one lane": AcceleratorConfig(
        rows=2, columns=4, bank_words=1920, flash_lanes=1
    ),
}


def residual():
    """A sum with what came before, of two convolutions that are fused or not."""
    chain = Chain().convolution()
    first = chain.last
    chain.convolution(depthwise=True)
    return chain.add("add", Add(activation="relu"), constants=(first.name,), q=SUMS).graph()


def branches():
    """Maxima, parts within words, a product and a function of single codes."""
    chain = Chain((1, 6, 5, 3)).convolution(channels=5)
    first, size = chain.last, {"size": (2, 1), "stride": (1, 1)}
    chain.add("max_pool2d", MaxPool2d(**size, padding=((0, 1), (0, 0))), q=SUMS)
    shape = (1, 6, 5, 10)
    chain.add("concatenation", Concatenation(axis=3), shape, constants=(first.name,), q=SUMS)
    chain.add("logistic", Logistic(), q=per_tensor(1 / 256, -128))
    return chain.convolution(channels=6).add("mul", Mul(), constants=(chain.last.name,)).graph()


def pools():
    """Padding, strides, an average and sums of all values."""
    chain = Chain((1, 9, 9, 6))
    chain.add("pad", Pad(amounts=((0, 0), (1, 2), (2, 1), (0, 0)), value=-7), (1, 12, 12, 6))
    chain.convolution(9, padding=((0, 0), (0, 0))).convolution(depthwise=True)
    pool = AveragePool2d(size=(3, 2), stride=(2, 2), padding=((0, 0), (0, 0)))
    return chain.add("average_pool2d", pool, (1, 4, 5, 9)).fully_connected(11).graph()


NETWORKS = {
    "digits_int8": lambda: load(DIGITS / "digits_int8.tflite"),
    "digits_int4": lambda: load(DIGITS / "digits_int4.tflite"),
    "residual": residual,
    "branches": branches,
    "pools": pools,
}


def described(program: CoreProgram) -> list[str]:
    """A line for each layer and each tensor, and one for all."""
    lines, modelled, isa = [], predict(program), Isa(program.config)
    for command, chunk, copy, cycles in zip(
        program.commands, program.chunks, program.transfers, modelled, strict=True
    ):
        # Tables begin with a fit of floating point, which may differ from one machine to another.
        rows = program.config.rows
        first = isa.descriptor_words * rows
        after = first + command.descriptor.table_words(isa) * rows
        crc = zlib.crc32(chunk.data[:first] + chunk.data[after:])
        copied = f" copies {copy.bank}:{copy.address}+{copy.size}" if copy else ""
        counts = f"{cycles.cycles} {cycles.busy} {cycles.waiting_weights} {cycles.waiting_drain}"
        place = f"{chunk.bank}:{chunk.address}+{len(chunk.data)}{copied}"
        lines.append(f"  {command.name} {command.mode} {place} {crc:08x}: {counts}")
    for name, tensor in sorted(program.memory.tensors.items()):
        lines.append(f"  tensor {name} {tensor.bank}:{tensor.address}")
    total = sum(layer.cycles for layer in modelled)
    lines.append(f"  {program.size_bytes} bytes, {total} cycles, {program.macs} MACs")
    return lines


@pytest.mark.parametrize("core", CORES)
def test_programs_are_what_they_were(core, golden):
    lines = []
    for name, network in NETWORKS.items():
        config = CORES[core]
        if name == "digits_int4":
            config = config.replace(format="int8_int4")
        lines += [f"{name} on {core}", *described(compile_graph(network(), config))]
    name = core.replace(", ", "_").replace(" ", "_")
    golden(f"programs_{name}.txt", "\n".join(lines) + "\n")
