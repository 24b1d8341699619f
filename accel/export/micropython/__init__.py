"""A program with a driver for MicroPython."""
