"""Cycles that estimates use while there is no program for the cycle model to count."""

PART_CYCLES = 60
"""What a further part of a layer costs, beside the time in which its first weights arrive."""
SEEK_CYCLES = 140
"""From a flash read's command to its first word."""
