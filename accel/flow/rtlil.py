"""A design of Amaranth as RTLIL, without what large memories come up with.

Amaranth writes every bit of every memory, one Python object each, zeros or not: of a core for
simulation that is three quarters of the time of its conversion. Memories come up with zeros anyway
where nothing is said.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amaranth.back import rtlil


def convert(design: Any, *, least_words: int, **options: Any) -> str:
    """``amaranth.back.rtlil.convert`` without the contents of memories of ``least_words`` and more.

    Those must be zeros. ``options`` are its own, as ``ports`` and ``name``.
    """
    with _contents_of_memories_below(least_words):
        return rtlil.convert(design, emit_src=False, **options)


@contextmanager
def _contents_of_memories_below(words: int) -> Iterator[None]:
    """Amaranth has no option for it, so its emitter is changed while it is used."""
    emitter = rtlil.ModuleEmitter
    everything = emitter.emit_memory

    def emit_memory(self: Any, index: int, cell: Any) -> None:
        if cell.depth < words:
            everything(self, index, cell)
        elif any(cell.init):
            raise ValueError(f"memory {cell.name!r} of {cell.depth} words has contents")

    emitter.emit_memory = emit_memory
    try:
        yield
    finally:
        emitter.emit_memory = everything
