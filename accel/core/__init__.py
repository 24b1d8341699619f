"""The hardware, one component a file."""
