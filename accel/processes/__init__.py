"""What we start and what we leave: tools, temporary files, and how a command comes to its end."""
