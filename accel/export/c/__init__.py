"""A program with a driver in C99."""
