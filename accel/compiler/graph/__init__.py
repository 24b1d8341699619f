"""Graphs: verified, interpreted, parted between core and driver, ordered and simplified."""
