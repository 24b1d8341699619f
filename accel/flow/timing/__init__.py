"""Timing of a routed design: reports of tools, static timing analysis, and the signed-off Fmax."""
