"""Measures everything that the project promises in one run, beside what others have reached."""
