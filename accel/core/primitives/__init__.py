"""Vendor cells behind family-independent components, each with a behavioural twin of equal latency."""
