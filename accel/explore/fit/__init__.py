"""A core for a network: all configurations of a board estimated, the best one compiled."""
