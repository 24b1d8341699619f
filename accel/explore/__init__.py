"""Searching the space of cores: estimate all, route the promising ones, keep what is best."""
