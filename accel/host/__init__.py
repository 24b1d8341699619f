"""The link to a core, and the driver that speaks it to a board or to a simulation."""
