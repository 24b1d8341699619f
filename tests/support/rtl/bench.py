"""Holds the compiled RTL of one core to the reference, the machine and the cycle model, one network
after another: simulator and memory stay as the network before has left them."""

import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph import interpreter
from accel.compiler.ir.graph import Graph
from accel.compiler.program.program import CoreProgram
from accel.compiler.tflite_export.writer import write
from accel.config import BANKS, FLASH, AcceleratorConfig
from accel.host.driven_core import DrivenCore
from accel.host.overlap import input_banks, shared_layers
from accel.host.run_results import Counters
from accel.host.runner import run
from accel.sim.cycles.cycle_model import predict
from accel.sim.functional.machine import Machine
from accel.sim.rtl.compiled import CompiledCore
from tests.support.networks.tflite.operators import random_inputs

SAMPLES = 3  # the least codes, the greatest ones, random ones
LIMIT_CYCLES = 1 << 21  # of one answer: many times what any of these networks takes


@dataclass
class Outcome:
    """What became of networks: counts of them, of what was compared, and of what it reached."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    _COUNTED: ClassVar = ("counts", "refused", "reached")

    def add(self, other: "Outcome") -> None:
        for name in self._COUNTED:
            getattr(self, name).update(getattr(other, name))
        self.faults += other.faults

    def as_dict(self) -> dict:
        return {**{n: dict(getattr(self, n)) for n in self._COUNTED}, "faults": self.faults}

    @classmethod
    def from_dict(cls, values: Mapping) -> "Outcome":
        counters = (Counter(values[name]) for name in cls._COUNTED)
        return cls(*counters, list(values["faults"]))

    @property
    def right(self) -> bool:
        return not self.faults


class _Bounded(CompiledCore):
    """Whose answers come in some time or not at all."""

    def write(self, data: bytes) -> None:
        self.advance(data, 0, LIMIT_CYCLES)

    def read(self, count: int, cycles: int = 0) -> bytes:
        return self.advance(b"", count, LIMIT_CYCLES)[1]


class RtlBench:
    """The compiled RTL of a core."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.transport = _Bounded(config)

    def hold(self, graph: Graph, seed: int) -> Outcome:
        """Compile a network for the core and run it everywhere; all that is wrong is a fault."""
        outcome = Outcome(counts=Counter(networks=1))
        try:
            graph = read(write(graph), "random.tflite")
            code = compile_graph(graph, self.config)
        except (UnsupportedModel, CannotCompile, DoesNotFit) as refusal:
            reasons = getattr(refusal, "reasons", refusal.args)
            outcome.counts["refused"] += 1
            outcome.refused.update({_without_numbers(getattr(r, "what", str(r))) for r in reasons})
            return outcome
        except Exception:  # noqa: BLE001 -- whatever it is, it is a fault to be told
            outcome.faults.append(f"compiler: {traceback.format_exc(limit=-3)}")
            return outcome
        if not code.commands:
            outcome.counts["without a layer on the core"] += 1
            return outcome
        try:
            self.run(code, random_inputs(graph, SAMPLES, seed), outcome)
        except Exception:  # noqa: BLE001 -- whatever it is, it is a fault to be told
            outcome.faults.append(traceback.format_exc(limit=-3))
            self.transport = _Bounded(self.config)
        return outcome

    def run(self, code: CoreProgram, inputs, outcome: Outcome) -> None:
        """Run a program everywhere; what differs is a fault."""
        graph = code.graph
        if not isinstance(inputs, Mapping):
            inputs = {graph.inputs[0]: inputs}
        names = tuple(name for node in graph for name in node.outputs if code.has(name))
        expected = interpreter.run(graph, inputs, names)
        _compare("machine", run(code, Machine(code), inputs, names), expected, outcome)

        if code.flash:
            self.transport.burn(code.flash)
        core = DrivenCore(code, self.transport)
        core.stepped = True
        core.shared_banks = [bank for bank in range(BANKS) if len(code.commands) >> bank & 1]
        last = {name: data[-1:] for name, data in inputs.items()}
        wanted = {name: data[-1:] for name, data in expected.items()}
        _compare("RTL, layer by layer", run(code, core, last, names), wanted, outcome)
        modelled = predict(code, core.shared_banks)
        for command, ours, theirs in zip(code.commands, modelled, core.layer_counters, strict=True):
            _compare_counters(command.name, ours, theirs, outcome)

        # In one run, of the greatest codes, and of the same ones after others
        core.stepped = False
        outputs = {name: data[1:] for name, data in expected.items() if name in graph.outputs}
        rest = {name: data[1:] for name, data in inputs.items()}
        _compare("RTL", run(code, core, rest, tuple(outputs)), outputs, outcome)
        self._compare_total(code, core, modelled, outcome)
        outcome.counts["run"] += 1
        outcome.counts["layers"] += len(code.commands)
        _count_reached(code, outcome.reached)

    def _compare_total(self, code: CoreProgram, core: DrivenCore, modelled, outcome: Outcome):
        """Compare what the last run counted in all with the layers' counters as ``modelled``.

        Where bands of an input are written while it is computed, the first layers leave cycles free
        for them; how long it waits for bands is the host's affair.
        """
        if not any(piece.during for piece in code.pieces):
            _compare_counters("all layers", _sum(modelled), core.total, outcome)
            return
        layers = shared_layers(code, [layer.cycles for layer in modelled])
        busy = _sum(predict(code, {*core.shared_banks, *input_banks(code)}, layers)).busy
        expected = replace(core.total, busy=busy)
        _compare_counters("all layers beside bands", expected, core.total, outcome)


def _sum(layers) -> Counters:
    """The counters of a run of these layers."""
    return Counters(*(sum(getattr(one, name) for one in layers) for name in asdict(layers[0])))


def _compare(who: str, found: Mapping, expected: Mapping, outcome: Outcome) -> None:
    for name, answer in expected.items():
        outcome.counts["elements"] += answer.size
        same = found[name].shape == answer.shape and found[name].dtype == answer.dtype
        wrong = int((found[name] != answer).sum()) if same else answer.size
        if wrong:
            outcome.counts["elements that differ"] += wrong
            outcome.faults.append(f"{who}: {wrong} of {answer.size} values of {name} differ")


def _compare_counters(layer: str, modelled, counted, outcome: Outcome) -> None:
    ours, theirs = asdict(modelled), asdict(counted)
    outcome.counts["counters"] += len(ours)
    wrong = {name: (value, theirs[name]) for name, value in ours.items() if value != theirs[name]}
    if wrong:
        outcome.counts["counters that differ"] += len(wrong)
        shown = ", ".join(f"{name} {a}, RTL {b}" for name, (a, b) in wrong.items())
        outcome.faults.append(f"cycle model of {layer}: {shown}")


def _without_numbers(text: str) -> str:
    words = text.split(" ")
    return " ".join("N" if any(map(str.isdigit, word)) else word for word in words)[:120]


def _count_reached(code: CoreProgram, reached: Counter) -> None:
    """What layers have of that which is drawn often."""
    config = code.config
    for command, chunk, copy in zip(code.commands, code.chunks, code.transfers, strict=True):
        f = command.descriptor
        tiles = f.tiles(config.rows)
        most, least = f.output_rows
        found = {
            command.mode: True,
            "one tile": tiles == 1,
            "one tile in several groups": tiles == 1 < f.groups,
            "one run": f.runs == 1,
            "runs of one position": f.run == 1,
            "one group": f.groups == 1,
            "one column": f.last_columns == 1,
            "one tap": command.steps <= config.rows,
            "stride2_skip": f.stride2_skip,
            "several lines": most > 1,
            "fewer lines in the end": least < most,
            "second operand": f.residual,
            "tables": f.lookup_tables,
            "shared weights": f.shared,
            "from flash": chunk.bank == FLASH,
            "copy": copy is not None,
        }
        reached.update(name for name, is_so in found.items() if is_so)
