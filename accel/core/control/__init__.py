"""What walks a program: the sequencer, and the loops over tiles."""
