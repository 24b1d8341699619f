"""From a network's file to a program for the core."""
