"""What an exported driver has to know of a program: what to load, to send, to run and to read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accel.compiler.memory.pieces import Piece as PieceOfInput
from accel.compiler.program.program import CoreProgram
from accel.config import FLASH
from accel.host.overlap import input_bytes
from accel.host.run_results import SPARE_CYCLES, limit_of
from accel.identity import IMAGE_HEADER_BYTES, identity
from accel.isa import Isa
from accel.protocol import (
    ALL_LAYERS,
    BAND,
    CRC_BYTES,
    LEAST_LIMIT_BITS,
    LIMIT_BITS,
    NO_LIMIT,
    SHARED_BANKS,
    SILENCE_BITS,
    WHEN_FREE,
)
from accel.text import escaped

from .ends import CannotExport, Ends, ends_of, stored_name
from .spans import Span, line_codes, spans

SLOWEST_LINE = 9600 / 10  # bytes a second, at which inputs that arrive during a run are waited for


@dataclass(frozen=True)
class Chunk:
    """Whole words to load."""

    location: int
    data: bytes


@dataclass(frozen=True)
class Piece:
    """Words of the ``source``-th input that are written together; ``flags`` are those of WRITE."""

    source: int
    location: int
    words: int
    lanes: int
    flags: int
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Output:
    """A tensor, or the codes that stand for it, that is read after a run.

    Its values in order are the first ``channels`` bytes of each position; ``lanes`` bytes of a word
    are on the line.
    """

    tensor: str
    location: int
    words: int
    lanes: int
    channels: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Description:
    """A program as an exported driver runs it.

    ``pieces`` are in their order; the last ``during`` of them are sent once the run has begun.
    ``sources`` are the tensors that pieces are of. ``image`` must be in the flash at ``flash``, and
    is empty where nothing is read from there.
    """

    program: CoreProgram
    identity: bytes
    rows: int
    entry: int
    limit: int
    run_flags: int
    run_ms: int
    quiet_ms: int
    chunks: tuple[Chunk, ...]
    sources: tuple[str, ...]
    pieces: tuple[Piece, ...]
    during: int
    outputs: tuple[Output, ...]
    image: bytes
    flash: int
    ends: Ends

    @property
    def image_header(self) -> bytes:
        """How the image begins."""
        return self.image[:IMAGE_HEADER_BYTES]

    @property
    def image_crc(self) -> bytes:
        """How it ends."""
        return self.image[-CRC_BYTES:]


def describe(program: CoreProgram, cycles: int, clock_mhz: float) -> Description:
    """Describe a program of about so many cycles for a core with this clock.

    Raises ``CannotExport``, naming what an exported driver does not have.
    """
    _check(program)
    ends = ends_of(program)
    isa, rows = Isa(program.config), program.config.rows
    sources = tuple(dict.fromkeys(one.source for one in program.inputs))
    ordered = _joined(sorted(program.pieces, key=lambda piece: piece.during))
    during = sum(piece.during for piece in ordered)
    stored = {one.tensor: one for one in program.inputs}
    pieces, banks = [], set()
    for piece in ordered:
        place, one = program.placement(piece.tensor), stored[piece.tensor]
        banks.add(place.bank)
        pieces.append(
            Piece(
                source=sources.index(one.source),
                location=isa.pointer_to(place.bank, place.address + piece.first),
                words=piece.words,
                lanes=place.layout.lanes(rows),
                flags=(WHEN_FREE if piece.during and piece.takes else 0)
                | (BAND if piece.reader is not None else 0),
                spans=tuple(spans(line_codes(one, rows, piece.first, piece.words))),
            )
        )
    limit = NO_LIMIT if during else limit_of(cycles)
    line_ms = 1000 * input_bytes(program) / SLOWEST_LINE if during else 0
    most = cycles + SPARE_CYCLES if limit == NO_LIMIT else 1 << LEAST_LIMIT_BITS + limit
    entry, image = program.entries[0], program.flash
    return Description(
        program=program,
        identity=identity(program.config),
        rows=rows,
        entry=isa.pointer_to(entry.bank, entry.address),
        limit=limit | (ALL_LAYERS << LIMIT_BITS if during else 0),
        run_flags=sum(SHARED_BANKS << bank for bank in banks) if during else 0,
        run_ms=math.ceil(most / (1000 * clock_mhz) + line_ms),
        quiet_ms=2 * math.ceil((1 << SILENCE_BITS) / (1000 * clock_mhz)),
        chunks=tuple(
            Chunk(isa.pointer_to(chunk.bank, chunk.address), chunk.data)
            for chunk in program.contents
            if chunk.bank != FLASH
        ),
        sources=sources,
        pieces=tuple(pieces),
        during=during,
        outputs=tuple(
            _output(program, isa, root)
            for root in dict.fromkeys(map(ends.root, program.partition.outputs))
        ),
        image=image,
        flash=isa.pointer_to(FLASH, 0) if image else 0,
        ends=ends,
    )


def _joined(pieces: Sequence[PieceOfInput]) -> list[PieceOfInput]:
    """The pieces, those of a tensor as one where they are sent before the run in any case."""
    found: list[PieceOfInput] = []
    for piece in pieces:
        last = found[-1] if found else None
        if (
            last
            and not piece.during
            and (last.tensor, last.first + last.words)
            == (
                piece.tensor,
                piece.first,
            )
        ):
            found[-1] = replace(last, words=last.words + piece.words, reader=piece.reader)
        else:
            found.append(piece)
    return found


def _check(program: CoreProgram) -> None:
    if not program.commands or not program.partition.outputs:
        raise CannotExport(
            f"{escaped(program.name)}: has no layer that the core computes; there is nothing to run"
        )
    for name in program.partition.outputs:
        shown = f"Output {escaped(name)!r} of the core"
        root = program.aliases[name].root
        if root not in program.memory.tensors:
            raise CannotExport(
                f"{shown} is stored in bands of rows, which exported drivers do not put together; "
                f"use a board with more memory, as `accel fit` finds one"
            )
        if program.holds_sums(name):
            raise CannotExport(
                f"{shown} is stored as 32-bit sums, which exported drivers do not read; quantize "
                f"the last layer's output in the model"
            )
        if program.placement(name).layout.packing_factor > 1:
            raise CannotExport(
                f"{shown} is stored with several values in a byte, which exported drivers do not "
                f"read; use --format int8"
            )


def _output(program: CoreProgram, isa: Isa, name: str) -> Output:
    place, rows = program.placement(name), program.config.rows
    layout = place.layout
    return Output(
        tensor=stored_name(program.graph, name),
        location=isa.pointer_to(place.bank, place.address),
        words=layout.words(rows),
        lanes=layout.lanes(rows),
        channels=layout.channels,
        size=program.graph.tensor(name).size,
    )
