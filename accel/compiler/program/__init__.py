"""Compiled programs: linked, in files and as text."""
