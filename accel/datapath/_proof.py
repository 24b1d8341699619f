"""The claim that products do not depend on what came before, proved by Yosys's SAT solver.

All registers begin with arbitrary values, so what holds of one set of operands holds of any at any
time. A simulation cannot show that of an element that remembers more than it should.
"""

import re
import tempfile
from pathlib import Path

from amaranth.back.rtlil import convert
from amaranth.hdl import Cat, ClockDomain, Elaboratable, Module, Signal

from accel.config import AcceleratorConfig
from accel.core.pe import element_of
from accel.flow.tools import find_tool
from accel.processes.children import TimeoutExpired, run

from ._claim import Claim
from ._ports import created

TIMEOUT_SECONDS = 60
_PROVED, _REFUTED = "no model found: SUCCESS", "model found: FAIL"


class _Miter(Elaboratable):
    """An element beside the format's products of the same operands, delayed by its latency."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.dut = created(config)
        self.a = Signal(self.dut.a.shape().size)
        self.b = Signal(config.columns * config.number_format.weight_bits)
        self.differs = Signal(config.rows * config.columns)
        self.domain = ClockDomain("sync", reset_less=True)

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        number, rows, columns = self.config.number_format, self.config.rows, self.config.columns
        codes = number.codes.tolist()
        a, b = Signal.like(dut.a), Signal.like(dut.b)
        sinking = self.b
        for row in range(rows):
            for column in range(columns):
                k = row * columns + column
                own = row * columns + column % rows  # columns so far apart have the same activation
                chosen = self.a.word_select(own, number.activation_bits)
                weight = sinking.word_select(column, number.weight_bits)
                m.d.comb += [a[k].eq(chosen.as_signed()), b[k].eq(weight.as_signed())]
            above, sinking = sinking, Signal.like(sinking, name=f"sinking_{row}")
            m.d.sync += sinking.eq(above)
        m.d.comb += [dut.a.eq(a), dut.b.eq(b)]
        for index in range(element_of(self.config).latency(self.config)):
            later = [Signal.like(a, name=f"a_{index}"), Signal.like(b, name=f"b_{index}")]
            m.d.sync += [later[0].eq(a), later[1].eq(b)]
            a, b = later
        carries = "carry" in dut.signature.members
        for k in range(rows * columns):
            expected = Signal.like(dut.p[k], name=f"expected_{k}")
            found = dut.p[k] + dut.carry[k] if carries else dut.p[k]
            used = Signal(name=f"used_{k}")
            m.d.comb += [
                expected.eq(number.product(a[k], b[k])),
                used.eq(number.weights is None or Cat(b[k] == c for c in codes).any()),
                self.differs[k].eq(used & (found != expected)),
            ]
        return m


def claim(config: AcceleratorConfig) -> Claim:
    """Check the claim on the smallest core of the configuration."""
    what = "no operands have another product, whatever came before"
    answer = _answer(config)
    if answer is None:
        how = f"not proved within {TIMEOUT_SECONDS} s; see the pairs that were tried"
        return Claim(what=what, how=how)
    how = "proved by SAT, with registers that begin with anything"
    products = config.rows * config.columns
    if _REFUTED in answer:
        return Claim(what=what, how=how, problem=_counterexample(answer, config))
    if answer.count(_PROVED) != products:
        return Claim(what=what, how=how, problem=f"Yosys said: {answer.strip()[-300:]}")
    return Claim(what=what, how=how)


def _answer(config: AcceleratorConfig) -> str | None:
    """What Yosys prints, or ``None`` if it takes too long."""
    miter = _Miter(config)
    clock: Signal = miter.domain.clk  # type: ignore[attr-defined]  # not in the stubs
    ports = [clock, miter.a, miter.b, miter.differs]
    # The weights of the last row have sunk through all others before.
    before = element_of(config).latency(config) + config.rows - 1
    proof = f"sat -seq {before + 1} -prove-skip {before} -show a,b"
    script = [
        *("read_rtlil top.il", "hierarchy -top top", "proc", "flatten", "opt", "techmap", "opt"),
        "setattr -unset init",
        *(f"{proof} -prove differs[{k}] 0 top" for k in range(config.rows * config.columns)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        text = convert(miter, name="top", ports=ports, emit_src=False)
        (Path(folder) / "top.il").write_text(text)
        command = [find_tool("yosys").executable, "-p", "; ".join(script)]
        try:
            done = run(command, folder=Path(folder), timeout=TIMEOUT_SECONDS)
        except TimeoutExpired:
            return None
    return done.stdout + done.stderr


def _counterexample(answer: str, config: AcceleratorConfig) -> str:
    """The operands of the last cycle, whose products are wrong, as the solver found them."""
    found: dict[tuple[str, int], int] = {}
    answer = answer[answer.index(_REFUTED) :]
    for time, name, bits in re.findall(
        r"^\s+(\d+) \\([ab])\s+\S+\s+\S+\s+([01]+)\s*$", answer, re.MULTILINE
    ):
        found.setdefault((name, int(time)), int(bits, 2))
    number = config.number_format
    shown = []
    for k in range(config.rows * config.columns):
        row, column = divmod(k, config.columns)
        own = row * config.columns + column % config.rows
        a = _field(found.get(("a", config.rows), 0), own, number.activation_bits)
        b = _field(found.get(("b", config.rows - row), 0), column, number.weight_bits)
        shown.append(f"{a} and {b}")
    return (
        f"the products of these activations and weight codes can be wrong, after others: "
        f"{', '.join(shown)}"
    )


def _field(word: int, index: int, width: int) -> int:
    value = word >> index * width & (1 << width) - 1
    return value - (1 << width) if value >> width - 1 else value
