"""Executors that need no board: the functional machine, the cycle model and the RTL harness."""
