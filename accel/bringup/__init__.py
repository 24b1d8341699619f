"""Whether the core on a board is right, and if not, where it is not."""
