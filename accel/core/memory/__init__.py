"""Activation banks and the weight buffer."""
