"""Block RAM of the iCE40: ``SB_RAM40_4K``, which synthesis infers."""

# Bits of a word and depth
_SHAPES = ((16, 256), (8, 512), (4, 1024), (2, 2048))
# A memory with fewer bits for each cell becomes registers, unless it says otherwise (Yosys's cost).
_LEAST_BITS = 64


def cells_for(width: int, depth: int, *, always: bool = False) -> int:
    """Number of cells that a memory takes; ``always`` where its style is said to be ``block``."""
    cells = min(-(-width // bits) * -(-depth // words) for bits, words in _SHAPES)
    return cells if always or width * depth >= _LEAST_BITS * cells else 0
