"""What a network takes on a configuration, estimated from its layers' sizes alone: cycles, and
what of its program is streamed from flash."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accel.compiler.ir.costs import PART_CYCLES
from accel.compiler.ir.layer import Convolution
from accel.compiler.memory.flash_image import stream_cycles
from accel.config import BANKS, AcceleratorConfig
from accel.explore.fit.demand import Lowered
from accel.explore.fit.forms import Form, forms_in_parts, forms_of
from accel.isa import Isa

_USUAL = 4096  # words, steps
_OVERLAP = 0.75  # of the time of streaming that is hidden behind work, where there is enough of it


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Estimated ``cycles`` of an inference, and ``flash_words`` of the program that banks lack.

    ``flash_words`` is 0 where all of it is in memory.
    """

    cycles: int
    flash_words: int


def cost_of(lowered: Lowered, config: AcceleratorConfig) -> Cost | None:
    """The cost on a core that all layers can run on; ``None`` if the program has no room."""
    cycles, chunks = 0, []
    half = config.weight_rows // 2 * config.steps_per_weight_row
    for layer in lowered.pruned:
        forms = [form for form in forms_of(layer, config) if form.stored <= half]
        forms = forms or forms_in_parts(layer, config)
        if not forms:
            return None
        residual = bool(layer.residual)
        best = min(forms, key=lambda form: form.cycles(config, residual))
        words = _chunk_words(layer, best, config)
        cycles += best.cycles(config, residual) + words // max(1, best.groups)
        cycles += best.parts * PART_CYCLES
        chunks.append(words)
    missing = sum(chunks) - _placed(chunks, lowered.peaks, config)
    if not missing:
        return Cost(cycles=cycles, flash_words=0)
    if not config.flash_lanes:
        return None
    stream = stream_cycles(missing, config)
    hidden = min(stream, cycles) * _OVERLAP
    return Cost(cycles=int(cycles + stream - hidden), flash_words=missing)


def _chunk_words(layer: Convolution, form: Form, config: AcceleratorConfig) -> int:
    # Layouts are slow to build; their words hardly depend on how large the memories are.
    unit = 2 * config.steps_per_weight_row
    isa = Isa(replace(config, bank_words=_USUAL, weight_steps=_USUAL // unit * unit, sum_bits=24))
    post_op = layer.post_op
    tables = isa.table_words(bool(layer.residual)) if post_op and post_op.lookup_tables else 0
    group = isa.group_parameter_words(form.columns) + form.weight_words(config)
    groups = 1 if layer.uniform else form.groups
    return form.nests * (isa.descriptor_words + groups * group) + tables


def _placed(chunks: Sequence[int], peaks: Sequence[int], config: AcceleratorConfig) -> int:
    """Words of chunks that have room beside the tensors; all, in some order, or the largest."""
    room = [config.bank_words - peak for peak in peaks] + [0] * (BANKS - len(peaks))
    placed = 0
    for words in sorted(chunks, reverse=True):
        bank = max(range(BANKS), key=lambda b: room[b])
        if words <= room[bank]:
            room[bank] -= words
            placed += words
    return placed
