"""Arithmetic of the reference runtimes and the libraries that they call, bit for bit."""
