"""The functional machine: the meaning of a program's bytes."""
