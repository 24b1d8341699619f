"""From a network as the world writes it to a program for the core."""
