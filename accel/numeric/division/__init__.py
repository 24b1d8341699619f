"""Requantization as a division by a constant: what it computes, its constants, and the proof."""
