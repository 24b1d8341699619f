"""Multipliers and memories of each FPGA family, each with a behavioural twin of equal latency."""
