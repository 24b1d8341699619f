"""From an elaborated design to a bitstream; knows nothing of accelerators."""
