"""What must hold in a program that was read from a file, beyond the types of its fields."""

import math
from collections.abc import Iterator
from itertools import pairwise

from ...config import BANKS, SUM_BYTES
from ...numeric.rounding import CONTRACTS
from ..graph.verify import problems
from ..ir.graph import Tensor
from ..memory.allocation import Placement
from .executable import Chunk, DmaTransfer
from .records import BadDescription
from .stored_program import StoredProgram


def check(program: StoredProgram) -> None:
    """Raise ``BadDescription`` for the first thing that does not agree."""
    for what in _problems(program):
        raise BadDescription(what[:200])


def _problems(program: StoredProgram) -> Iterator[str]:
    if program.graph.contract not in CONTRACTS:
        yield f"an unknown contract {program.graph.contract!r}"
    if program.graph.batch < 1:
        yield f"a batch of {program.graph.batch}"
    yield from _ends(program)
    for name, place in program.placements.items():
        yield from _place(program, name, place)
    yield from _segments(program)
    yield from _inputs(program)
    yield from _outputs(program)
    yield from _pieces(program)
    yield from _states(program)
    yield from _layers(program)


def _ends(program: StoredProgram) -> Iterator[str]:
    """The rules of every graph, for one in which the core's tensors come from without."""
    graph = program.graph
    names = [tensor for node in graph for tensor in node.outputs]
    if len({*graph.inputs}) != len(graph.inputs) or not graph.unbatched <= {*graph.tensors}:
        yield "inputs that are named twice or not there"
    constant = {name for name, tensor in graph.tensors.items() if tensor.constant}
    given = sorted({*graph.tensors} - constant - {*names, *graph.inputs})
    for problem in problems(graph.replace(inputs=(*graph.inputs, *given))):
        yield str(problem)
    known = {*graph.inputs, *constant, *(state.read for state in program.partition.kept)}
    for segment in program.partition.segments:
        for node in segment.driver:
            if not known >= {*node.inputs}:
                yield f"node {node.name!r} reads what is not there yet"
            known |= {*node.outputs}
        if not known >= {*segment.inputs}:
            yield "the core is given what is not there yet"
        known |= {*segment.outputs}
        aliases = (program.aliases.get(name) for name in segment.outputs)
        known |= {alias.root for alias in aliases if alias}
    for node in program.partition.after:
        if not known >= {*node.inputs}:
            yield f"node {node.name!r} reads what is not there yet"
        known |= {*node.outputs}
    if not known >= {*graph.outputs}:
        yield "an output that nothing makes"


def _place(program: StoredProgram, name: str, place: Placement) -> Iterator[str]:
    layout, words = place.layout, program.config.bank_words
    sizes = (*layout.shape, layout.packing_factor, layout.alignment)
    if place.bank not in range(BANKS) or place.address < 0 or min(sizes) < 1:
        yield f"tensor {name!r} has no place"
    elif max(sizes) > 2**32 or place.address + layout.words(program.config.rows) > words:
        yield f"tensor {name!r} lies outside the memory"
    elif place.address + layout.words(program.config.rows) > program.used_words[place.bank]:
        yield f"tensor {name!r} lies outside the words that are used"
    if not -128 <= layout.origin <= 127:
        yield f"tensor {name!r} has an origin of {layout.origin}"


def _segments(program: StoredProgram) -> Iterator[str]:
    ends = (*program.starts, len(program.commands))
    if ends[0] or any(a > b for a, b in pairwise(ends)):
        yield f"segments that begin with the layers {program.starts}"
        return
    written = {c.output: number for number, c in enumerate(program.commands)}
    for segment, end in zip(program.partition.segments, ends[1:], strict=True):
        for name in segment.outputs:
            alias = program.aliases.get(name)
            if alias is None or written.get(alias.root, -1) >= end:
                yield f"tensor {name!r} is read before it is computed"
    several = len(program.starts) > 1
    waits = [p for p in program.pieces if p.during or (p.after, p.reader) != (None, None)]
    if several and waits:
        yield "inputs that are written while a segment runs"


def _inputs(program: StoredProgram) -> Iterator[str]:
    graph, entering = program.graph, program.partition.inputs
    if len({*entering}) != len(entering) or {*entering} != {one.source for one in program.inputs}:
        yield "inputs that are written in no segment or in two"
    early = {*graph.inputs, *(n for node in program.partition.driver for n in node.outputs)}
    for one in program.inputs:
        tensor = graph.tensors.get(one.source)
        if tensor is None or one.source not in early or tensor.dtype != "int8":
            yield f"input {one.tensor!r} comes from {one.source!r}, which is no int8 input"
        elif one.index.min() < -1 or one.index.max() >= tensor.size:
            yield f"input {one.tensor!r} holds values that its source has not"
        if not -128 <= one.pad <= 127:
            yield f"input {one.tensor!r} has a pad of {one.pad}"
    if len({one.tensor for one in program.inputs}) != len(program.inputs):
        yield "an input that is there twice"


def _outputs(program: StoredProgram) -> Iterator[str]:
    graph, computed = program.graph, {*program.stored_tensors(), *program.graph.inputs}
    computed |= {one.tensor for one in program.inputs}
    if len(program.aliases) != len(program.partition.outputs):
        yield "an output that is there twice"
    for name, alias in program.aliases.items():
        if name not in graph.tensors or alias.root not in graph.tensors:
            yield f"output {name!r} is no tensor of the network"
        elif alias.root not in computed:
            yield f"output {name!r} is computed by no layer"
        elif graph.tensor(name).size != graph.tensor(alias.root).size:
            yield f"output {name!r} has another size than {alias.root!r}"
        elif alias.layout != program.placements[alias.root].layout:
            yield f"output {name!r} has another layout than {alias.root!r}"
        else:
            yield from _stored(program, alias.root, graph.tensor(alias.root))


def _stored(program: StoredProgram, root: str, tensor: Tensor) -> Iterator[str]:
    place = program.placements[root]
    layout, rows = place.layout, program.config.rows
    if root in program.sums:
        index = program.sums[root]
        if index.shape != (tensor.size, SUM_BYTES):
            yield f"index of output {root!r} has the shape {index.shape}"
        elif index.min() < 0 or index.max() >= layout.words(rows) * rows:
            yield f"bytes of output {root!r} lie outside of it"
        return
    channels = layout.channels * layout.packing_factor
    if layout.packing_factor > 1:
        fits = program.config.number_format.sub_byte is not None
        fits = fits and layout.height * layout.width * tensor.shape[-1] == tensor.size
        fits = fits and tensor.shape[-1] <= channels
    else:
        fits = layout.height * layout.width * channels == tensor.size
    if not fits and root not in {one.tensor for one in program.inputs}:
        yield f"output {root!r} of shape {tensor.shape} is stored as {layout.shape}"


def _states(program: StoredProgram) -> Iterator[str]:
    for state in program.states:
        yield from _place(program, state.tensor, state.place)
        layout, initial = state.place.layout, state.initial
        if initial.dtype != "int8" or initial.shape[:1] != (1,):
            yield f"state {state.name!r} begins as {initial.dtype} {initial.shape}"
        elif layout.packing_factor != 1 or initial.size != math.prod(layout.shape):
            yield f"state {state.name!r} of shape {initial.shape} is stored as {layout.shape}"
    if len(program.initial_states) != len(program.states) + len(program.partition.kept):
        yield "a state that is there twice"
    if len({state.tensor for state in program.states}) != len(program.states):
        yield "a state that is there twice"
    yield from _kept(program)


def _kept(program: StoredProgram) -> Iterator[str]:
    """What must hold of the driver's states: one of its nodes reads and writes each."""
    tensors, kept = program.graph.tensors, program.partition.kept
    if len({state.read for state in kept}) != len(kept):
        yield "a state that is there twice"
    for state in kept:
        users = [n for n in program.partition.driver if {state.read, state.written} & {*n.inputs}]
        own = [n for n in users if state.read in n.inputs and state.written in n.outputs]
        read, left = tensors.get(state.read), tensors.get(state.written)
        if read is None or left is None or len(own) != 1 or own != users[:1]:
            yield f"state {state.name!r} of no node of the driver"
            continue
        given = (read.shape, read.dtype)
        begins = (state.initial.shape, state.initial.dtype.name)
        if (
            given != (left.shape, left.dtype)
            or given != begins
            or state.read in program.graph.inputs
        ):
            yield f"state {state.name!r} begins as another tensor than it is"


def _pieces(program: StoredProgram) -> Iterator[str]:
    words = {i.tensor: i.layout.words(program.config.rows) for i in program.inputs}
    written = dict.fromkeys(words, 0)
    for piece in program.pieces:
        if piece.first < 0 or piece.words < 1:
            yield f"an empty piece of the input {piece.tensor!r}"
        if piece.first + piece.words > words.get(piece.tensor, 0):
            yield f"a piece lies outside the input {piece.tensor!r}"
        for layer in (piece.after, piece.reader):
            if layer is not None and not 0 <= layer < len(program.commands):
                yield f"a piece of the input {piece.tensor!r} waits for a layer {layer}"
        written[piece.tensor] = written.get(piece.tensor, 0) + piece.words
    if program.commands and written != words:
        yield "inputs that are not written as a whole"


def _layers(program: StoredProgram) -> Iterator[str]:
    rows, used = program.config.rows, program.used_words
    if not all(0 <= words <= program.config.bank_words for words in used):
        yield f"banks of {used} words"
    transfers = [one for one in program.transfers if one is not None]
    parts: list[Chunk | DmaTransfer] = [*program.chunks, *program.contents, *transfers]
    for part in parts:
        if part.bank in range(BANKS) and part.address + part.size // rows > used[part.bank]:
            yield "a chunk outside the words that are used"
    for layer in program.commands:
        if layer.macs < 0 or not 0 <= layer.part < layer.parts:
            yield f"layer {layer.name!r} has {layer.macs} products in part {layer.part}"
        if any(min(one.channel, one.differing, one.sums) < 0 for one in layer.inexact):
            yield f"layer {layer.name!r} has an impossible inexact channel"
