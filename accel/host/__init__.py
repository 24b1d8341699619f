"""The driver of a core, over a serial link to a board or into a simulation."""
