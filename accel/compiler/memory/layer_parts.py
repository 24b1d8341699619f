"""Parts of layers, what they need of memory, and what is in use there."""

from dataclasses import dataclass
from functools import lru_cache

from ..ir.costs import SEEK_CYCLES


@dataclass(frozen=True)
class Need:
    """What a layer's stream needs: ``head_words``, then ``group_words`` for each of its ``groups``.

    ``work`` is the cycles that the array takes for a group, ``bank`` the bank of the output.
    """

    head_words: int
    group_words: int
    groups: int
    work: int
    bank: int

    def words(self, groups: int) -> int:
        """Words of the chunk of so many groups."""
        return self.head_words + groups * self.group_words

    def lost_words(self, word_cycles: int) -> int:
        """Of a streamed group, the words that come after the group before is computed."""
        return max(0, self.group_words - self.work // word_cycles)

    def loss(self, groups: int, word_cycles: int) -> int:
        """Cycles lost where that many groups are streamed from flash.

        The first group must arrive before work begins. From then on the stream and the work go on
        side by side, and the longer one counts.
        """
        if not groups:
            return 0
        stream = self.words(groups) * word_cycles
        return max(stream - groups * self.work, self.words(1) * word_cycles) + SEEK_CYCLES


@lru_cache(maxsize=4096)
def losses(need: Need, word_cycles: int) -> tuple[int, ...]:
    """The cycles lost where no group is streamed from flash, where one is, and so on up to all."""
    return tuple(need.loss(groups, word_cycles) for groups in range(need.groups + 1))


@dataclass(frozen=True)
class Live:
    """Words ``start`` up to ``end`` of a bank, in use from time ``born`` to time ``dies``.

    Times are numbers of layers; a part of a layer is at a fraction.
    """

    bank: int
    start: int
    end: int
    born: float
    dies: float


@dataclass(frozen=True)
class PrefetchSlice:
    """Words of a chunk that one DMA transfer copies.

    The chunk is that of the part of ``layer`` that begins with group ``first``; of it ``words``
    words are copied, from word ``begin`` on.
    """

    layer: int
    first: int
    begin: int
    words: int


@dataclass(frozen=True)
class LayerPart:
    """Some groups of a layer, from group ``first`` on.

    Parameters
    ----------
    place
        Bank and address of the part's chunk, ``None`` where it is streamed from flash.
    prefetched
        The chunk is at that place only from its DMA transfer until the part has run.
    prefetch
        What is copied to memory while this part runs.
    """

    layer: int
    first: int
    groups: int
    place: tuple[int, int] | None = None
    prefetched: bool = False
    prefetch: PrefetchSlice | None = None
