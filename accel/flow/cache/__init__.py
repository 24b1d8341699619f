"""What was made before, kept and taken only as it was written."""
