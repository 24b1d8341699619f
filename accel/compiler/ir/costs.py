"""Cycles that estimates count with where the exact ones of the cycle model are not at hand."""

PART_CYCLES = 60
"""What another part of a layer takes, but for its first weights."""
SEEK_CYCLES = 140
"""What a copy from flash, or a part that is there, does until it begins."""
