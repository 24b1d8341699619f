"""What one inference takes on the core: `Report`, and `Layer` for each layer of the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, Any

from accel.compiler.ir.layer import Band
from accel.compiler.program.program import CoreProgram
from accel.compiler.reports.inexact_channels import Deviation
from accel.host.run_results import Counters
from accel.host.timing.line import Crossing, crossings
from accel.sim.cycles import loss_attribution
from accel.text import escaped, html_table

if TYPE_CHECKING:
    from accel.executable import Executable
    from accel.host.timing.inference import Timing


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A layer of the core: what it is and what it costs.

    Members
    -------
    name, node
        Its own name, and that of the network's node that it computes, or computes a part of.
    mode
        How it uses the array: ``dense``, ``grouped`` or ``broadcast``.
    macs
        Multiply-accumulates of the network in it.
    cycles_model, cycles
        By the cycle model; and as the core counted them, ``None`` where no core ran.
    peak_macs
        Multiply-accumulates that the array can do in a cycle.
    slots
        Chances of a multiplication by what became of them, see `accel.sim.cycles.loss_attribution`.
    streamed
        Its weights come from flash while it runs.
    bands
        Where it is a whole layer that ran in row bands, or one of these: which.
    part, parts
        Which part of K it computes, and of how many, see `accel.compiler.schedule.parts_of_k`.
    """

    name: str
    node: str
    mode: str
    macs: int
    cycles_model: int
    cycles: int | None
    peak_macs: int
    slots: Mapping[str, int]
    streamed: bool = False
    bands: tuple[Band, ...] = ()
    part: int = 0
    parts: int = 1

    @property
    def rows_again(self) -> int:
        """Rows of its output that were computed for a second band, because windows overlap."""
        return sum(band.again for band in self.bands)

    @property
    def flash_bound(self) -> bool:
        """Whether the flash decides how long it takes: it waits for weights most of the time."""
        return self.streamed and 2 * self.slots["weights"] > sum(self.slots.values())

    @property
    def how(self) -> str:
        """Its mode, and what binds it, for tables."""
        how = f"{self.mode}, {self.parts} parts of K" if self.parts > 1 else self.mode
        how = f"{how}, flash-bound" if self.flash_bound else how
        if len(self.bands) < 2:
            return how
        again = f", {self.rows_again} of {self.bands[0].height} rows twice" * bool(self.rows_again)
        return f"{how}, {len(self.bands)} bands{again}"

    def __repr__(self) -> str:
        return (
            f"<Layer {escaped(self.name)}: {self.mode}, {self.macs:,} MACs, "
            f"{_cycles_text(self.cycles_model, self.cycles)}, {self.utilization:.0%} of the peak>"
        )

    @property
    def lost(self) -> dict[str, float]:
        """Cycles of the model by what they went into, ``ideal`` among them; the sum is all."""
        return {part: count / self.peak_macs for part, count in self.slots.items()}

    @property
    def utilization(self) -> float:
        """Share of the array's peak, 0 to 1."""
        return self.macs / (self.cycles_model * self.peak_macs)

    def as_dict(self) -> dict[str, Any]:
        """Its entry in ``layers`` of `Report.as_dict`."""
        return {
            "name": self.name,
            "node": self.node,
            "mode": self.mode,
            **({"part": self.part, "parts": self.parts} if self.parts > 1 else {}),
            "flash_bound": self.flash_bound,
            "macs": self.macs,
            "cycles": self.cycles_model if self.cycles is None else self.cycles,
            "cycles_model": self.cycles_model,
            "utilization": round(self.utilization, 6),
            "lost": _rounded(self.lost),
            **self._bands_as_dict(),
        }

    def _bands_as_dict(self) -> dict[str, Any]:
        if not self.bands:
            return {}
        again, rows = self.rows_again, self.bands[0].height
        return {"bands": len(self.bands), "rows": rows, "rows_computed_twice": again}


def _together(layers: Sequence[Layer]) -> Layer:
    """The whole layer that these are row bands or parts of K of."""
    first = layers[0]
    counted = [layer.cycles for layer in layers if layer.cycles is not None]
    return replace(
        first,
        name=first.bands[0].layer if first.bands else first.name,
        macs=sum(layer.macs for layer in layers),
        cycles_model=sum(layer.cycles_model for layer in layers),
        cycles=sum(counted) if len(counted) == len(layers) else None,
        slots=loss_attribution.total([layer.slots for layer in layers]),
        streamed=any(layer.streamed for layer in layers),
        bands=tuple(dict.fromkeys(band for layer in layers for band in layer.bands)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """What one inference takes on the core.

    Members
    -------
    program
        The program that was run, or that the cycle model looked at.
    executor, samples
        What ran it, and for how many samples; ``None`` and 0 where nothing ran.
    layers
        The *layers of the core*, in order, each row band by itself; not to be taken for
        ``Result.layers``, the outputs of the network's nodes.
    counters
        What the cycles of each layer went into: as the core counted them, else by the model.
    inexact
        Each channel that is not requantized as the contract says at every sum; a run measures it.
    """

    program: "Executable"
    executor: str | None
    samples: int
    layers: tuple[Layer, ...]
    counters: tuple[Counters, ...]
    inexact: tuple[Deviation, ...] = ()

    def __repr__(self) -> str:
        return f"<Report {escaped(self.program.name)}: {self.summary}>"

    def _repr_html_(self) -> str:
        rows = [
            (
                layer.name,
                layer.node,
                layer.how,
                f"{layer.macs:,}",
                f"{layer.cycles_model if layer.cycles is None else layer.cycles:,}",
                f"{layer.utilization:.0%}",
            )
            for layer, _ in self.whole_layers
        ]
        heading = ("layer", "node", "mode", "MACs", "cycles", "of the peak")
        return html_table(heading, rows, f"{escaped(self.program.name)}: {self.summary}")

    @property
    def summary(self) -> str:
        """Layers, cycles and utilization in a line."""
        counted = self.cycles if self.measured else None
        return (
            f"{len(self.layers)} layers, {_cycles_text(self.cycles_model, counted)}, "
            f"{self.utilization:.0%} of the peak"
        )

    @property
    def whole_layers(self) -> tuple[tuple[Layer, Counters], ...]:
        """The layers and what cycles went into, those in row bands or in parts of K once each."""
        groups: dict[object, list[tuple[Layer, Counters]]] = {}
        key: object = None
        before: Layer | None = None
        counted = self.counters or (Counters(0, 0, 0, 0),) * len(self.layers)
        for number, pair in enumerate(zip(self.layers, counted, strict=True)):
            layer = pair[0]
            alike = before and (before.node, before.parts) == (layer.node, layer.parts)
            if layer.bands:
                key = layer.bands[0].layer
            elif layer.parts == 1 or not alike:
                key = number
            groups.setdefault(key, []).append(pair)
            before = layer
        return tuple(
            (_together([layer for layer, _ in group]), total)
            for group in groups.values()
            for total in [reduce(add, (counters for _, counters in group))]
        )

    @property
    def batch(self) -> int:
        """Samples in the batch that the network's file fixes; 1 where it is 1 or open.

        An inference is one sample, whatever the batch.
        """
        return self.program.code.graph.batch

    @property
    def measured(self) -> bool:
        """Whether a core counted the cycles, in RTL or on a board; else they are the model's,
        which equals RTL."""
        return any(layer.cycles is not None for layer in self.layers)

    @property
    def cycles_model(self) -> int:
        """Cycles of one inference by the cycle model."""
        return sum(layer.cycles_model for layer in self.layers)

    @property
    def cycles(self) -> int:
        """Cycles of one inference: counted if ``measured``, else by the model."""
        if not self.measured:
            return self.cycles_model
        return sum(layer.cycles or 0 for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference that the core does for the network."""
        return sum(layer.macs for layer in self.layers)

    @property
    def utilization(self) -> float:
        """Share of the array's peak over the whole inference, 0 to 1."""
        peak = self.program.config.peak_macs
        return self.macs / (self.cycles * peak) if self.cycles else 0.0

    @cached_property
    def timing(self) -> "Timing | None":
        """What an inference takes with the link of the program's board: core, link and both; None
        for a program that is for no board."""
        return self.program.own_timing if self.layers else None

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """What the driver computes between two runs of the core, and the bytes that cross."""
        return crossings(self.program.code)

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds of one inference with the link, nothing else going on."""
        return self.timing.latency_ms if self.timing else None

    @property
    def link_ms(self) -> float | None:
        """Milliseconds of it that the link takes."""
        return self.timing.link_ms if self.timing else None

    @property
    def throughput(self) -> float | None:
        """Inferences a second, of many: input, work and result overlap as far as they can."""
        return self.timing.throughput if self.timing else None

    @property
    def energy_uj(self) -> float | None:
        """Microjoules of one inference in the FPGA's core, estimated, at the board's clock; None
        where no power of a like design is known."""
        return self.program.energy_uj

    @property
    def memory(self) -> float | None:
        """Share of the core's memory that tensors and program take, 0 to 1; None of what was opened
        from a program file, which does not say."""
        code = self.program.code
        if not isinstance(code, CoreProgram):
            return None
        used = code.memory.used_words
        return sum(used) / (len(used) * code.config.bank_words)

    @property
    def state_bytes(self) -> int:
        """Bytes of the core's memory that outlive an inference."""
        return sum(state.bytes for state in self.program.states if state.kept_by == "core")

    @property
    def state_line_bytes(self) -> int:
        """Bytes of states that an inference moves over the link: none, as they stay in memory."""
        code = self.program.code
        homes = {state.tensor for state in code.states}
        return sum(piece.words * code.config.rows for piece in code.pieces if piece.tensor in homes)

    @property
    def lost(self) -> dict[str, float]:
        """Where the model's cycles go, see `Layer`; the sum is ``cycles_model``."""
        slots = loss_attribution.total([layer.slots for layer in self.layers])
        return {part: count / self.program.config.peak_macs for part, count in slots.items()}

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``accel run --json`` and of ``layers.json``."""
        in_order = self.program.code.added_by_driver
        sensitive = [layer.as_dict() for layer in self.program.code.order_sensitive]
        return {
            "model": self.program.name,
            "board": self.program.board,
            "contract": self.program.contract,
            "configuration": self.program.config.as_dict(),
            "executor": self.executor,
            "samples": self.samples,
            **({"batch": self.batch} if self.batch > 1 else {}),
            "products_exact": self.program.config.number_format.exact,
            "cycles": self.cycles,
            "cycles_model": self.cycles_model,
            "cycles_measured": self.measured,
            "macs": self.macs,
            "utilization": round(self.utilization, 6),
            **(self.timing.as_dict() if self.timing else {}),
            "energy_uj": _rounded_or_none(self.energy_uj),
            "memory": None if self.memory is None else round(self.memory, 4),
            "lost": _rounded(self.lost),
            "layers": [layer.as_dict() for layer, _ in self.whole_layers],
            **({"crossings": [one.as_dict() for one in self.crossings]} if self.crossings else {}),
            "inexact": [deviation.as_dict() for deviation in self.inexact],
            **({"order_sensitive": sensitive} if sensitive else {}),
            **({"added_by_driver": list(in_order)} if in_order else {}),
            **self._states_as_dict(),
        }

    def _states_as_dict(self) -> dict[str, Any]:
        if not self.program.states:
            return {}
        return {
            "states": [state.as_dict() for state in self.program.states],
            "state_bytes": self.state_bytes,
            "state_line_bytes": self.state_line_bytes,
        }


def _rounded_or_none(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _rounded(parts: Mapping[str, float]) -> dict[str, float]:
    return {part: round(cycles, 3) for part, cycles in parts.items()}


def _cycles_text(model: int, counted: int | None) -> str:
    return f"{model:,} cycles by the model" if counted is None else f"{counted:,} cycles counted"
