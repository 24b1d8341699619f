"""Processes and files that outlive a moment: tools, temporary files, and how a command ends."""
