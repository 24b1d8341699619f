"""What an inference takes with the link: the core, the line, and both together."""
