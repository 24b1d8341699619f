"""From an elaborated design to a bitstream with YoWASP or native tools. Knows nothing of
accelerators."""
