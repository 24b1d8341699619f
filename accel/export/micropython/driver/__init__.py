"""The driver for MicroPython: files that are copied as they are, and not imported here."""
