"""A program that runs, with or without the network that it was compiled from."""

from .executable import DEFAULT_BOARD, Executable, Inputs
from .opening import open_program

__all__ = ["DEFAULT_BOARD", "Executable", "Inputs", "open_program"]
