"""Measures what the project promises, all in one run, beside what others have reached."""
